import { Button, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';

import { formatMoney } from '~/i18n/money';
import { useWords } from '~/i18n/use-words';
import { useTeam } from '~/session/me';
import { Money, When } from '~/ui/amounts';
import { type Column, DataTable } from '~/ui/data-table';
import { FormError } from '~/ui/form-error';
import { IconGift } from '~/ui/icons';
import { useNotices } from '~/ui/notices';
import { Panel } from '~/ui/page';
import { Loaded } from '~/ui/states';

import { type Redemption, useRedeem, useRedemptions } from './api';
import css from './redeem.module.css';

/** A code becomes credit of the team; below it, those that did. */
export function RedeemPanel() {
  const { t, language } = useWords();
  const team = useTeam();
  const notices = useNotices();
  const redeem = useRedeem(team.id);
  const redemptions = useRedemptions(team.id);
  const [code, setCode] = useState('');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    redeem.mutate(code, {
      onSuccess: (made) => {
        setCode('');
        notices.done(t('redeem:done', { amount: formatMoney(made.amount_nanos, language) }));
      },
    });
  };
  const columns: Column<Redemption>[] = [
    { id: 'amount', name: t('redeem:column.amount'), cell: (row) => <Money value={row.amount_nanos} places={9} /> },
    { id: 'at', name: t('redeem:column.at'), cell: (row) => <When ns={row.at_ns} /> },
    { id: 'expires', name: t('redeem:column.expires'), cell: (row) => <When ns={row.expires_at_ns} none={t('redeem:never')} /> },
    { id: 'back', name: t('redeem:column.takenBack'), end: true, cell: (row) => (row.taken_back_nanos === 0 ? '–' : <Money value={row.taken_back_nanos} places={9} />) },
  ];
  return (
    <Panel title={t('redeem:title')} note={t('redeem:lead')}>
      {team.may('billing.redeem') && (
        <form onSubmit={submit} className={css.form}>
          <TextInput
            label={t('redeem:code')}
            placeholder="OGC-XXXX-XXXX-XXXX-XXXX-XXXX"
            autoComplete="off"
            spellCheck={false}
            maxLength={64}
            value={code}
            className={css.code}
            onChange={(event) => setCode(event.currentTarget.value)}
          />
          <Button type="submit" loading={redeem.isPending} disabled={code.trim() === ''} leftSection={<IconGift size={16} />}>
            {t('redeem:action')}
          </Button>
        </form>
      )}
      <FormError error={redeem.error} />
      <Loaded query={redemptions} rows={1}>
        {(rows) =>
          rows.length === 0 ? (
            <p className={css.none}>{t('redeem:none')}</p>
          ) : (
            <DataTable caption={t('redeem:title')} columns={columns} rows={rows} rowId={(row) => row.id} />
          )
        }
      </Loaded>
    </Panel>
  );
}
