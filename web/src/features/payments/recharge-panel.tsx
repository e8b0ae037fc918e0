import { Button, Switch, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';

import { parseMoney, plainMoney } from '~/i18n/money';
import { useWords } from '~/i18n/use-words';
import { useTeam } from '~/session/me';
import { Confirm } from '~/ui/confirm';
import { FormError } from '~/ui/form-error';
import { IconCreditCard } from '~/ui/icons';
import { useNotices } from '~/ui/notices';
import { Panel } from '~/ui/page';

import { type Settings, useBillingDeeds, usePaymentSettings } from './api';
import css from './payments.module.css';

/** The saved card, and when it is charged by itself. Nothing of it where nobody can pay. */
export function RechargePanel() {
  const { t } = useWords();
  const team = useTeam();
  const { data } = usePaymentSettings(team.id);
  if (data === undefined || data.processor === null) return null;
  return (
    <Panel title={t('payments:method.title')} note={t('payments:method.note')}>
      <Method settings={data} />
      <Recharge key={data.recharge.version ?? 0} settings={data} />
    </Panel>
  );
}

function Method({ settings }: { settings: Settings }) {
  const { t } = useWords();
  const team = useTeam();
  const notices = useNotices();
  const may = team.may('billing.topup');
  const { saveMethod, forgetMethod } = useBillingDeeds(team.id);
  const [asked, setAsked] = useState(false);
  return (
    <div className={css.method}>
      <IconCreditCard size={20} aria-hidden />
      <span>{settings.has_method ? (settings.method ?? t('payments:method.saved')) : t('payments:method.none')}</span>
      {may && settings.has_method && (
        <Button variant="subtle" color="gray" size="compact-sm" onClick={() => setAsked(true)}>
          {t('payments:method.forget')}
        </Button>
      )}
      {may && (
        <Button
          variant="default"
          size="compact-sm"
          loading={saveMethod.isPending}
          onClick={() => saveMethod.mutate(undefined, { onError: notices.failed })}
        >
          {settings.has_method ? t('payments:method.replace') : t('payments:method.add')}
        </Button>
      )}
      {asked && (
        <Confirm
          title={t('payments:method.forgetTitle')}
          consequence={t('payments:method.forgetText')}
          action={t('payments:method.forget')}
          busy={forgetMethod.isPending}
          error={forgetMethod.error}
          onConfirm={() => forgetMethod.mutate(undefined, { onSuccess: () => setAsked(false) })}
          onClose={() => setAsked(false)}
        />
      )}
    </div>
  );
}

const shown = (nanos: number | null | undefined) => (nanos == null || nanos === 0 ? '' : plainMoney(nanos));

function Recharge({ settings }: { settings: Settings }) {
  const { t } = useWords();
  const team = useTeam();
  const notices = useNotices();
  const may = team.may('billing.topup');
  const { recharge } = useBillingDeeds(team.id);
  const now = settings.recharge;
  const [on, setOn] = useState(now.enabled ?? false);
  const [below, setBelow] = useState(shown(now.below_nanos) || '5');
  const [amount, setAmount] = useState(shown(now.amount_nanos) || '25');
  const [monthly, setMonthly] = useState(shown(now.monthly_nanos));
  const read = (typed: string) => parseMoney(typed);
  const wrong = read(below) === null || read(amount) === null || (monthly.trim() !== '' && read(monthly) === null);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    recharge.mutate(
      {
        enabled: on,
        below_usd: plainMoney(read(below) ?? 0n),
        amount_usd: plainMoney(read(amount) ?? 0n),
        monthly_usd: monthly.trim() === '' ? null : plainMoney(read(monthly) ?? 0n),
        version: now.version ?? 0,
      },
      { onSuccess: () => notices.done(t('payments:recharge.done')) },
    );
  };
  const field = (label: string, value: string, set: (typed: string) => void, optional = false) => (
    <TextInput
      label={label}
      leftSection="$"
      inputMode="decimal"
      readOnly={!may}
      value={value}
      error={(value.trim() === '' ? !optional : read(value) === null) ? t('payments:recharge.wrong') : null}
      onChange={(event) => set(event.currentTarget.value)}
    />
  );
  return (
    <form onSubmit={submit} className={css.form}>
      <Switch
        label={t('payments:recharge.on')}
        description={settings.has_method ? t('payments:recharge.onNote') : t('payments:recharge.needsMethod')}
        checked={on}
        disabled={!may || !settings.has_method}
        onChange={(event) => setOn(event.currentTarget.checked)}
      />
      <div className={css.three}>
        {field(t('payments:recharge.below'), below, setBelow)}
        {field(t('payments:recharge.amount'), amount, setAmount)}
        {field(t('payments:recharge.monthly'), monthly, setMonthly, true)}
      </div>
      {(now.failures ?? 0) > 0 && <p className={css.note}>{t('payments:recharge.failed', { count: now.failures ?? 0 })}</p>}
      <FormError error={recharge.error} />
      {may && (
        <div>
          <Button type="submit" variant="default" loading={recharge.isPending} disabled={wrong || (!settings.has_method && on)}>
            {t('app:action.save')}
          </Button>
        </div>
      )}
    </form>
  );
}
