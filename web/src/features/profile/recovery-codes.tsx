import { Alert, Button, Group } from '@mantine/core';

import { useWords } from '~/i18n/use-words';
import { CopyButton } from '~/ui/copy';
import { IconAlertTriangle } from '~/ui/icons';

import css from './profile.module.css';

/** Shown once, after the first factor is on or new ones were asked for. */
export function RecoveryCodes({ codes, onDone }: { codes: string[]; onDone: () => void }) {
  const { t } = useWords();
  return (
    <div className={css.wide}>
      <Alert color="yellow" variant="light" icon={<IconAlertTriangle size={18} />} c="var(--og-warn)">
        {t('profile:codes.once')}
      </Alert>
      <ul className={css.codes} aria-label={t('profile:codes.title')}>
        {codes.map((code) => (
          <li key={code}>{code}</li>
        ))}
      </ul>
      <Group>
        <Button onClick={onDone}>{t('profile:codes.kept')}</Button>
        <CopyButton value={codes.join('\n')} label={t('profile:codes.copy')} />
      </Group>
    </div>
  );
}
