import { Button, Skeleton, Text } from '@mantine/core';
import type { ReactNode } from 'react';

import { useWords } from '~/i18n/use-words';
import { Problem } from '~/api/problem';

import { IconCloudOff, IconLock, IconRefresh, IconSearchOff } from './icons';
import css from './kit.module.css';
import { useProblemText } from './problem-text';

interface EmptyProps {
  icon: ReactNode;
  title: string;
  text: ReactNode;
  action?: ReactNode;
  /** It is the whole page, and its title the page's heading. */
  alone?: boolean;
}

export function Empty({ icon, title, text, action, alone = false }: EmptyProps) {
  return (
    <div className={css.empty}>
      <div className={css.emptyIcon} aria-hidden="true">
        {icon}
      </div>
      {alone ? <h1>{title}</h1> : <strong>{title}</strong>}
      <p>{text}</p>
      {action !== undefined && <div className={css.emptyAction}>{action}</div>}
    </div>
  );
}

/** Rows of grey while something is on its way. Read out once, as words. */
export function Loading({ rows = 4 }: { rows?: number }) {
  const { t } = useWords();
  return (
    <div className={css.skeletons} role="status" aria-label={t('app:state.loading')}>
      {Array.from({ length: rows }, (_, row) => (
        <Skeleton key={row} height={row === 0 ? 14 : 32} width={row === 0 ? '30%' : '100%'} />
      ))}
    </div>
  );
}

interface FailedProps {
  error: Error;
  retry?: (() => void) | undefined;
}

/** What did not work, what the reader can do, and the id under which it is in the logs. */
export function Failed({ error, retry }: FailedProps) {
  const { t } = useWords();
  const say = useProblemText();
  const problem = error instanceof Problem ? error : null;
  const status = problem?.status ?? 0;
  const [icon, title] =
    status === 403
      ? [<IconLock key="i" />, t('app:state.forbidden')]
      : status === 404
        ? [<IconSearchOff key="i" />, t('app:state.missing')]
        : [<IconCloudOff key="i" />, t('app:state.failed')];
  return (
    <div className={`${css.empty} ${css.failed}`} role="alert">
      <div className={css.emptyIcon} aria-hidden="true">
        {icon}
      </div>
      <strong>{title}</strong>
      <p>{say(error)}</p>
      {problem?.requestId != null && (
        <Text component="code" size="xs" className={css.requestId}>
          {problem.requestId}
        </Text>
      )}
      {retry !== undefined && status !== 403 && status !== 404 && (
        <Button className={css.emptyAction} variant="default" onClick={retry} leftSection={<IconRefresh size={16} />}>
          {t('app:action.retry')}
        </Button>
      )}
    </div>
  );
}

/** What of a query is needed here; plain and paged ones both have it. */
interface Read<T> {
  data: T | undefined;
  error: Error | null;
  refetch: () => unknown;
}

interface LoadedProps<T> {
  query: Read<T>;
  rows?: number;
  children: (data: T) => ReactNode;
}

/** The three states of a read in one place. Old data stays while newer is fetched. */
export function Loaded<T>({ query, rows, children }: LoadedProps<T>) {
  if (query.data !== undefined) return children(query.data);
  if (query.error) return <Failed error={query.error} retry={() => void query.refetch()} />;
  return <Loading {...(rows === undefined ? {} : { rows })} />;
}
