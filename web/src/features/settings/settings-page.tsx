import { Button, Switch, TextInput } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';

import { count } from '~/i18n/numbers';
import { useWords } from '~/i18n/use-words';
import { useForget, useTeam } from '~/session/me';
import { Confirm } from '~/ui/confirm';
import { Facts } from '~/ui/facts';
import { FormError } from '~/ui/form-error';
import { useNotices } from '~/ui/notices';
import { Page, Panel } from '~/ui/page';
import { Loaded } from '~/ui/states';

import { AlertsPanel } from './alerts-panel';
import { type Team, useChangeTeam, useDeleteTeam, useLeaveTeam, useTeamSettings } from './api';
import { CeilingPanel } from './ceiling-panel';
import css from './settings.module.css';
import { WebhooksPanel } from './webhooks-panel';

export function SettingsPage() {
  const { t } = useWords();
  const team = useTeam();
  const settings = useTeamSettings(team.id);
  return (
    <Page title={t('settings:title')} lead={t('settings:lead', { team: team.name })}>
      <Loaded query={settings}>
        {(now) => (
          <>
            <General key={now.id} team={now} />
            <Data team={now} />
            {team.may('routing.read') && <CeilingPanel />}
            {team.may('notifications.read') && <AlertsPanel />}
            {team.may('webhooks.read') && <WebhooksPanel />}
            <Leaving team={now} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

function General({ team }: { team: Team }) {
  const { t, language } = useWords();
  const may = useTeam().may('team.update');
  const notices = useNotices();
  const save = useChangeTeam(team);
  const [name, setName] = useState(team.name);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate({ name: name.trim() }, { onSuccess: () => notices.done(t('settings:saved')) });
  };
  const limit = (value: number | null) => (value === null ? t('settings:fact.none') : count(value, language));
  return (
    <Panel title={t('settings:general.title')}>
      <form onSubmit={submit} className={css.form}>
        <TextInput
          label={t('settings:general.name')}
          maxLength={80}
          value={name}
          readOnly={!may}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <FormError error={save.error} />
        {may && (
          <div>
            <Button type="submit" loading={save.isPending} disabled={name.trim() === '' || name === team.name}>
              {t('app:action.save')}
            </Button>
          </div>
        )}
      </form>
      <Facts
        rows={[
          [t('settings:fact.id'), <code key="i">{team.id}</code>],
          [t('settings:fact.zone'), team.zone],
          [t('settings:fact.rpm'), limit(team.rpm)],
          [t('settings:fact.tpm'), limit(team.tpm)],
          [t('settings:fact.concurrency'), limit(team.concurrency)],
        ]}
      />
    </Panel>
  );
}

/** What of requests is kept. */
function Data({ team }: { team: Team }) {
  const { t } = useWords();
  const current = useTeam();
  const notices = useNotices();
  const save = useChangeTeam(team);
  const set = (body: { body_logging?: boolean; keep_responses?: boolean }) =>
    save.mutate(body, { onSuccess: () => notices.done(t('settings:saved')) });
  return (
    <Panel title={t('settings:data.title')} note={t('settings:data.note')}>
      <div className={css.form}>
        <Switch
          label={t('settings:data.bodies')}
          description={t('settings:data.bodiesNote')}
          checked={team.body_logging}
          disabled={!current.may('body_logging.write') || save.isPending}
          onChange={(event) => set({ body_logging: event.currentTarget.checked })}
        />
        <Switch
          label={t('settings:data.responses')}
          description={t('settings:data.responsesNote')}
          checked={team.keep_responses}
          disabled={!current.may('team.update') || save.isPending}
          onChange={(event) => set({ keep_responses: event.currentTarget.checked })}
        />
        <FormError error={save.error} />
      </div>
    </Panel>
  );
}

function Leaving({ team }: { team: Team }) {
  const { t } = useWords();
  const current = useTeam();
  const navigate = useNavigate();
  const forget = useForget();
  const [asked, setAsked] = useState<'leave' | 'delete' | null>(null);
  const leave = useLeaveTeam(team.id);
  const remove = useDeleteTeam(team);
  const done = async () => {
    await forget();
    await navigate({ to: '/' });
  };
  return (
    <Panel title={t('settings:leaving.title')}>
      <div className={css.leaving}>
        <Button variant="default" onClick={() => setAsked('leave')}>
          {t('settings:leaving.leave')}
        </Button>
        {current.may('team.delete') && (
          <Button variant="default" c="var(--mantine-color-error)" onClick={() => setAsked('delete')}>
            {t('settings:leaving.delete')}
          </Button>
        )}
      </div>
      {asked === 'leave' && (
        <Confirm
          title={t('settings:leaving.leaveTitle', { team: team.name })}
          consequence={t('settings:leaving.leaveText')}
          action={t('settings:leaving.leave')}
          busy={leave.isPending}
          error={leave.error}
          onConfirm={() => leave.mutate(undefined, { onSuccess: () => void done() })}
          onClose={() => setAsked(null)}
        />
      )}
      {asked === 'delete' && (
        <Confirm
          title={t('settings:leaving.deleteTitle', { team: team.name })}
          consequence={t('settings:leaving.deleteText')}
          action={t('settings:leaving.delete')}
          word={team.name}
          busy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate(undefined, { onSuccess: () => void done() })}
          onClose={() => setAsked(null)}
        />
      )}
    </Panel>
  );
}
