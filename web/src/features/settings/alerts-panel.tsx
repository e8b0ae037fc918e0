import { Button, TagsInput, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';

import { wireAmount } from '~/api/client';
import { parseMoney, plainMoney } from '~/i18n/money';
import { useWords } from '~/i18n/use-words';
import { useTeam } from '~/session/me';
import { FormError } from '~/ui/form-error';
import { useNotices } from '~/ui/notices';
import { Panel } from '~/ui/page';
import { Loaded } from '~/ui/states';

import { useAlerts, useChangeAlerts } from './api';
import css from './settings.module.css';

export function AlertsPanel() {
  const { t } = useWords();
  const team = useTeam();
  const alerts = useAlerts(team.id);
  return (
    <Panel title={t('settings:alerts.title')} note={t('settings:alerts.note')}>
      <Loaded query={alerts} rows={2}>
        {(now) => <AlertsForm key={team.id} {...now} />}
      </Loaded>
    </Panel>
  );
}

function AlertsForm({ emails, low_balance_nanos: low, version }: { emails: string[]; low_balance_nanos: number | null; version: number }) {
  const { t } = useWords();
  const team = useTeam();
  const may = team.may('notifications.write');
  const notices = useNotices();
  const save = useChangeAlerts(team.id);
  // What is typed stays when the settings are fetched anew; a change by somebody else is refused.
  const [base, setBase] = useState(version);
  const [to, setTo] = useState(emails);
  const [typed, setTyped] = useState(low === null ? '' : plainMoney(low));
  const amount = typed.trim() === '' ? null : parseMoney(typed);
  const wrong = typed.trim() !== '' && amount === null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate(
      { version: base, emails: to, low_balance_nanos: amount === null ? null : wireAmount(amount) },
      {
        onSuccess: (changed) => {
          setBase(changed.version);
          notices.done(t('settings:saved'));
        },
      },
    );
  };
  return (
    <form onSubmit={submit} className={css.form}>
      <TextInput
        label={t('settings:alerts.low')}
        description={t('settings:alerts.lowNote')}
        leftSection="$"
        inputMode="decimal"
        readOnly={!may}
        value={typed}
        error={wrong ? t('settings:alerts.wrong') : null}
        onChange={(event) => setTyped(event.currentTarget.value)}
      />
      <TagsInput
        label={t('settings:alerts.emails')}
        description={t('settings:alerts.emailsNote')}
        readOnly={!may}
        value={to}
        onChange={setTo}
        maxTags={20}
      />
      <FormError error={save.error} />
      {may && (
        <div>
          <Button type="submit" loading={save.isPending} disabled={wrong}>
            {t('app:action.save')}
          </Button>
        </div>
      )}
    </form>
  );
}
