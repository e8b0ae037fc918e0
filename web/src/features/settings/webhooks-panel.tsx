import { Badge, Button, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';

import { useWords } from '~/i18n/use-words';
import { useTeam } from '~/session/me';
import { When } from '~/ui/amounts';
import { Confirm } from '~/ui/confirm';
import { CopyLine } from '~/ui/copy';
import { type Column, DataTable } from '~/ui/data-table';
import { FormError } from '~/ui/form-error';
import kit from '~/ui/kit.module.css';
import { useNotices } from '~/ui/notices';
import { Panel } from '~/ui/page';
import { Loaded } from '~/ui/states';

import { useWebhookDeeds, useWebhooks, type Webhook } from './api';
import { Deliveries } from './deliveries-dialog';
import css from './settings.module.css';

/** Addresses that are told of alerts, each with a secret to check the signature by. */
export function WebhooksPanel() {
  const { t } = useWords();
  const team = useTeam();
  const may = team.may('webhooks.write');
  const notices = useNotices();
  const hooks = useWebhooks(team.id);
  const { create, remove, rotate, test } = useWebhookDeeds(team.id);
  const [url, setUrl] = useState('');
  const [removed, setRemoved] = useState<Webhook | null>(null);
  const [opened, setOpened] = useState<Webhook | null>(null);
  const [turned, setTurned] = useState<Webhook | null>(null);
  const secret = rotate.data?.secret ?? create.data?.secret;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate(url.trim(), { onSuccess: () => setUrl('') });
  };
  const columns: Column<Webhook>[] = [
    {
      id: 'url',
      name: t('settings:webhooks.url'),
      cell: (hook) => (
        <button type="button" className={kit.rowLink} onClick={() => setOpened(hook)}>
          {hook.url}
        </button>
      ),
    },
    {
      id: 'state',
      name: t('settings:webhooks.state'),
      cell: (hook) => (
        <Badge variant="light" color={hook.disabled ? 'gray' : hook.failing_since_ns === null ? 'brand' : 'orange'} tt="none">
          {hook.disabled ? t('settings:webhooks.disabled') : hook.failing_since_ns === null ? t('settings:webhooks.working') : t('settings:webhooks.failing')}
        </Badge>
      ),
    },
    { id: 'since', name: t('settings:webhooks.since'), cell: (hook) => <When ns={hook.created_at_ns} /> },
    {
      id: 'do',
      name: t('settings:webhooks.actions'),
      end: true,
      cell: (hook) =>
        may && (
          <>
            <Button
              variant="subtle"
              size="compact-sm"
              onClick={() => test.mutate(hook, { onSuccess: () => notices.done(t('settings:webhooks.tested')), onError: notices.failed })}
            >
              {t('settings:webhooks.test')}
            </Button>
            <Button variant="subtle" color="gray" size="compact-sm" onClick={() => setTurned(hook)}>
              {t('settings:webhooks.rotate')}
            </Button>
            <Button variant="subtle" color="gray" size="compact-sm" onClick={() => setRemoved(hook)}>
              {t('settings:webhooks.remove')}
            </Button>
          </>
        ),
    },
  ];
  return (
    <Panel title={t('settings:webhooks.title')} note={t('settings:webhooks.note')}>
      {may && (
        <form onSubmit={submit} className={css.line}>
          <TextInput label={t('settings:webhooks.url')} type="url" placeholder="https://" value={url} onChange={(event) => setUrl(event.currentTarget.value)} />
          <Button type="submit" variant="default" loading={create.isPending} disabled={url.trim() === ''}>
            {t('settings:webhooks.add')}
          </Button>
        </form>
      )}
      <FormError error={create.error} />
      {secret != null && (
        <div className={css.secret}>
          <p>{t('settings:webhooks.secret')}</p>
          <CopyLine value={secret} label={t('app:action.copy')} />
        </div>
      )}
      <Loaded query={hooks} rows={1}>
        {(rows) =>
          rows.length === 0 ? (
            <p className={css.none}>{t('settings:webhooks.empty')}</p>
          ) : (
            <DataTable caption={t('settings:webhooks.title')} columns={columns} rows={rows} rowId={(hook) => hook.id} />
          )
        }
      </Loaded>
      {opened !== null && <Deliveries hook={opened} onClose={() => setOpened(null)} />}
      {turned !== null && (
        <Confirm
          title={t('settings:webhooks.rotateTitle')}
          consequence={t('settings:webhooks.rotateText')}
          action={t('settings:webhooks.rotate')}
          mild
          busy={rotate.isPending}
          error={rotate.error}
          onConfirm={() => rotate.mutate(turned, { onSuccess: () => setTurned(null) })}
          onClose={() => setTurned(null)}
        />
      )}
      {removed !== null && (
        <Confirm
          title={t('settings:webhooks.removeTitle')}
          consequence={t('settings:webhooks.removeText', { url: removed.url })}
          action={t('settings:webhooks.remove')}
          busy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate(removed, { onSuccess: () => setRemoved(null) })}
          onClose={() => setRemoved(null)}
        />
      )}
    </Panel>
  );
}
