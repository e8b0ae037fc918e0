import { CloseButton } from '@mantine/core';
import { createContext, type ReactNode, useCallback, useContext, useMemo, useState } from 'react';

import { useWords } from '~/i18n/use-words';
import css from './kit.module.css';
import { useProblemText } from './problem-text';

interface Notice {
  id: number;
  kind: 'good' | 'bad';
  text: string;
}
interface Notices {
  done: (text: string) => void;
  failed: (error: Error) => void;
}

const SHOWN_MS = 6000;
const AT_MOST = 3;
const Context = createContext<Notices | null>(null);
let last = 0;

/** Short words about what was done. What must be read stays on the page instead. */
export function NoticeProvider({ children }: { children: ReactNode }) {
  const { t } = useWords();
  const say = useProblemText();
  const [notices, setNotices] = useState<Notice[]>([]);
  const close = useCallback((id: number) => setNotices((all) => all.filter((n) => n.id !== id)), []);
  const show = useCallback(
    (kind: Notice['kind'], text: string) => {
      const id = (last += 1);
      setNotices((all) => [...all, { id, kind, text }].slice(-AT_MOST));
      setTimeout(() => close(id), SHOWN_MS);
    },
    [close],
  );
  const value = useMemo<Notices>(
    () => ({ done: (text) => show('good', text), failed: (error) => show('bad', say(error)) }),
    [show, say],
  );
  return (
    <Context value={value}>
      {children}
      <div className={css.toasts} role="region" aria-live="polite" aria-label={t('app:state.notices')}>
        {notices.map((notice) => (
          <div key={notice.id} className={css.toast} data-kind={notice.kind}>
            <div>{notice.text}</div>
            <CloseButton aria-label={t('app:action.close')} size="sm" onClick={() => close(notice.id)} />
          </div>
        ))}
      </div>
    </Context>
  );
}

export function useNotices(): Notices {
  const notices = useContext(Context);
  if (notices === null) throw new Error('useNotices needs a NoticeProvider above it');
  return notices;
}
