import { Button } from '@mantine/core';
import { useState } from 'react';

import { useWords } from '~/i18n/use-words';
import { passkeysWork } from '~/api/webauthn';
import { When } from '~/ui/amounts';
import { Confirm } from '~/ui/confirm';
import { IconFingerprint, IconPlus } from '~/ui/icons';
import { useNotices } from '~/ui/notices';
import { Panel } from '~/ui/page';
import { Empty, Loaded } from '~/ui/states';

import { type Passkey, useAddPasskey, useDropPasskey, usePasskeys } from './api';
import css from './profile.module.css';

export function PasskeysPanel() {
  const { t, language } = useWords();
  const passkeys = usePasskeys();
  const notices = useNotices();
  const add = useAddPasskey();
  const drop = useDropPasskey();
  const [dropped, setDropped] = useState<Passkey | null>(null);
  const named = () => t('profile:passkeys.named', { day: new Intl.DateTimeFormat(language).format(new Date()) });
  const make = () =>
    add.mutate(named(), {
      onSuccess: () => notices.done(t('profile:passkeys.added')),
      // To cancel the browser's own dialogue is no fault.
      onError: (error) => (error instanceof DOMException ? undefined : notices.failed(error)),
    });
  return (
    <Panel
      title={t('profile:passkeys.title')}
      note={t('profile:passkeys.note')}
      flush
      action={
        passkeysWork() ? (
          <Button size="xs" variant="default" leftSection={<IconPlus size={16} />} loading={add.isPending} onClick={make}>
            {t('profile:passkeys.add')}
          </Button>
        ) : undefined
      }
    >
      <Loaded query={passkeys} rows={1}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty icon={<IconFingerprint />} title={t('profile:passkeys.empty')} text={t('profile:passkeys.emptyText')} />
          ) : (
            <ul className={css.rows}>
              {rows.map((passkey) => (
                <li key={passkey.id} className={css.row}>
                  <IconFingerprint size={20} aria-hidden />
                  <span className={css.rowText}>
                    <strong>{passkey.name}</strong>
                    <span>
                      {t('profile:passkeys.used')} <When ns={passkey.used_at_ns} none={t('profile:passkeys.never')} />
                    </span>
                  </span>
                  <Button variant="subtle" color="gray" size="compact-sm" onClick={() => setDropped(passkey)}>
                    {t('profile:passkeys.remove')}
                  </Button>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
      {dropped !== null && (
        <Confirm
          title={t('profile:passkeys.removeTitle', { name: dropped.name })}
          consequence={t('profile:passkeys.removeConsequence')}
          action={t('profile:passkeys.remove')}
          busy={drop.isPending}
          error={drop.error}
          onConfirm={() => drop.mutate(dropped, { onSuccess: () => setDropped(null) })}
          onClose={() => setDropped(null)}
        />
      )}
    </Panel>
  );
}
