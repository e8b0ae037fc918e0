import { Badge, Button } from '@mantine/core';

import { useWords } from '~/i18n/use-words';
import { When } from '~/ui/amounts';
import { IconDeviceDesktop } from '~/ui/icons';
import { useNotices } from '~/ui/notices';
import { Panel } from '~/ui/page';
import { Loaded } from '~/ui/states';

import { useDevices, useEndSession } from './api';
import css from './profile.module.css';

/** Where this person is signed in. Ending a session works at once, everywhere. */
export function DevicesPanel() {
  const { t } = useWords();
  const devices = useDevices();
  const notices = useNotices();
  const end = useEndSession();
  return (
    <Panel title={t('profile:devices.title')} note={t('profile:devices.note')} flush>
      <Loaded query={devices} rows={2}>
        {(rows) => (
          <ul className={css.rows}>
            {rows.map((device) => (
              <li key={device.id} className={css.row}>
                <IconDeviceDesktop size={20} aria-hidden />
                <span className={css.rowText}>
                  <strong>
                    {device.device || t('profile:devices.unknown')}{' '}
                    {device.current && (
                      <Badge size="sm" variant="light" tt="none">
                        {t('profile:devices.this')}
                      </Badge>
                    )}
                  </strong>
                  <span>
                    {device.ip} · {t('profile:devices.seen')} <When ns={device.seen_at_ns} />
                  </span>
                </span>
                {!device.current && (
                  <Button
                    variant="subtle"
                    color="gray"
                    size="compact-sm"
                    loading={end.isPending && end.variables.id === device.id}
                    onClick={() =>
                      end.mutate(device, { onSuccess: () => notices.done(t('profile:devices.ended')), onError: notices.failed })
                    }
                  >
                    {t('profile:devices.end')}
                  </Button>
                )}
              </li>
            ))}
          </ul>
        )}
      </Loaded>
    </Panel>
  );
}
