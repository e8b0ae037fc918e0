import { Button, Checkbox, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';

import { formatMoney, parseMoney, plainMoney } from '~/i18n/money';
import { useWords } from '~/i18n/use-words';
import { useTeam } from '~/session/me';
import { FormError } from '~/ui/form-error';
import { IconCreditCard, IconWallet } from '~/ui/icons';
import { Panel } from '~/ui/page';
import { Empty, Loaded } from '~/ui/states';

import { type Settings, useBillingDeeds, usePaymentSettings } from './api';
import css from './payments.module.css';

const NANOS = 1_000_000_000n;
const OFFERED = ['10', '25', '50', '100', '250'];
const PPM_OF_PERCENT = 10_000;

/** Money comes in: the amount is chosen here, the card is typed at the processor. */
export function TopUpPanel() {
  const { t } = useWords();
  const team = useTeam();
  const settings = usePaymentSettings(team.id);
  return (
    <Panel title={t('payments:topUp.title')} note={t('payments:topUp.note')}>
      <Loaded query={settings} rows={2}>
        {(now) =>
          now.processor === null ? (
            <Empty icon={<IconWallet />} title={t('payments:topUp.none')} text={t('payments:topUp.noneText')} />
          ) : team.may('billing.topup') ? (
            <TopUp settings={now} />
          ) : (
            <p className={css.note}>{t('payments:topUp.forbidden')}</p>
          )
        }
      </Loaded>
    </Panel>
  );
}

function TopUp({ settings }: { settings: Settings }) {
  const { t, language } = useWords();
  const team = useTeam();
  const { topUp } = useBillingDeeds(team.id);
  const [typed, setTyped] = useState('25');
  const [keep, setKeep] = useState(!settings.has_method);
  const amount = parseMoney(typed);
  const [least, most] = [BigInt(settings.min_usd) * NANOS, BigInt(settings.max_usd) * NANOS];
  const fits = amount !== null && amount >= least && amount <= most;
  const between = { min: formatMoney(least, language), max: formatMoney(most, language) };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (amount !== null) topUp.mutate({ usd: plainMoney(amount), save_method: keep });
  };
  const percent = new Intl.NumberFormat(language, { maximumFractionDigits: 2 }).format(settings.tax_ppm / PPM_OF_PERCENT);
  return (
    <form onSubmit={submit} className={css.form}>
      <div className={css.amounts} role="group" aria-label={t('payments:topUp.offered')}>
        {OFFERED.filter((usd) => BigInt(usd) * NANOS >= least && BigInt(usd) * NANOS <= most).map((usd) => (
          <Button key={usd} size="xs" variant={typed === usd ? 'filled' : 'default'} aria-pressed={typed === usd} onClick={() => setTyped(usd)}>
            ${usd}
          </Button>
        ))}
      </div>
      <TextInput
        label={t('payments:topUp.amount')}
        description={t('payments:topUp.between', between)}
        leftSection="$"
        inputMode="decimal"
        value={typed}
        error={typed.trim() !== '' && !fits ? t('payments:topUp.wrong', between) : null}
        onChange={(event) => setTyped(event.currentTarget.value)}
      />
      <Checkbox
        label={t('payments:topUp.keep')}
        description={t('payments:topUp.keepNote')}
        checked={keep}
        onChange={(event) => setKeep(event.currentTarget.checked)}
      />
      <p className={css.note}>
        {settings.tax_ppm > 0 ? t('payments:topUp.tax', { name: settings.tax_name, percent }) : t('payments:topUp.noTax')}{' '}
        {settings.display_currency !== 'USD' && t('payments:topUp.currency', { currency: settings.display_currency })}
      </p>
      <FormError error={topUp.error} />
      <div>
        <Button type="submit" disabled={!fits} loading={topUp.isPending || topUp.isSuccess} leftSection={<IconCreditCard size={16} />}>
          {t('payments:topUp.action')}
        </Button>
      </div>
    </form>
  );
}
