import { Alert, Button, Group } from '@mantine/core';

import { useWords } from '~/i18n/use-words';
import { CodeBlock, CopyLine } from '~/ui/copy';
import { Dialog } from '~/ui/dialog';
import { IconAlertTriangle } from '~/ui/icons';

import css from './keys.module.css';

/** The only time that a key's secret is shown: it closes by its button alone. */
export function SecretModal({ name, secret, onClose }: { name: string; secret: string; onClose: () => void }) {
  const { t } = useWords();
  return (
    <Dialog
      onClose={onClose}
      size="lg"
      title={t('keys:secret.title', { name })}
      withCloseButton={false}
      closeOnClickOutside={false}
      closeOnEscape={false}
    >
      <div className={css.secret}>
        <Alert color="yellow" variant="light" icon={<IconAlertTriangle size={18} />} c="var(--og-warn)">
          {t('keys:secret.once')}
        </Alert>
        <CopyLine value={secret} label={t('keys:secret.copy')} />
        <CodeBlock code={`export OPENGATEWAY_API_KEY="${secret}"`} label={t('keys:secret.env')} />
        <Group justify="flex-end">
          <Button onClick={onClose}>{t('keys:secret.kept')}</Button>
        </Group>
      </div>
    </Dialog>
  );
}
