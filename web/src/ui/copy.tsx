import { ActionIcon } from '@mantine/core';
import { useEffect, useState } from 'react';

import { useWords } from '~/i18n/use-words';
import { IconCheck, IconCopy } from './icons';
import css from './kit.module.css';

const SHOWN_MS = 2000;

/** Without https or localhost there is no clipboard: the text is then selected by hand. */
export function CopyButton({ value, label }: { value: string; label: string }) {
  const { t } = useWords();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => setCopied(false), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  if (!('clipboard' in navigator)) return null;
  const copy = () => void navigator.clipboard.writeText(value).then(() => setCopied(true));
  return (
    <>
      <ActionIcon variant="subtle" color="gray" onClick={copy} aria-label={label} title={copied ? t('app:action.copied') : label}>
        {copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
      </ActionIcon>
      <span role="status" className="og-visually-hidden">
        {copied ? t('app:action.copied') : ''}
      </span>
    </>
  );
}

/** One line to take along: an address, a secret. */
export function CopyLine({ value, label }: { value: string; label: string }) {
  return (
    <div className={css.copyLine}>
      <code>{value}</code>
      <CopyButton value={value} label={label} />
    </div>
  );
}

export function CodeBlock({ code, label }: { code: string; label: string }) {
  const { t } = useWords();
  return (
    <div className={css.code}>
      {/* It scrolls sideways, so the keyboard must be able to reach it. */}
      <pre tabIndex={0} role="group" aria-label={label}>
        <code>{code}</code>
      </pre>
      <div className={css.codeCopy}>
        <CopyButton value={code} label={t('app:action.copy')} />
      </div>
    </div>
  );
}
