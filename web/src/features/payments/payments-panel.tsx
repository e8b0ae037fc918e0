import { Badge } from '@mantine/core';

import { useWords } from '~/i18n/use-words';
import { useTeam } from '~/session/me';
import { Money, When } from '~/ui/amounts';
import type { Column } from '~/ui/data-table';
import { TwoLines } from '~/ui/facts';
import { IconCreditCard } from '~/ui/icons';
import { ListPanel } from '~/ui/list-panel';

import { type Payment, usePayments } from './api';

const STATES = ['new', 'open', 'paid', 'failed', 'expired', 'mismatched'] as const;
const KINDS = ['checkout', 'recharge'] as const;
const COLOURS: Record<string, string> = { paid: 'brand', open: 'orange', mismatched: 'red', failed: 'red' };

/** Each payment, with what became of it. */
export function PaymentsPanel() {
  const { t, language } = useWords();
  const team = useTeam();
  const payments = usePayments(team.id);
  const charged = (row: Payment) =>
    new Intl.NumberFormat(language, { style: 'currency', currency: row.currency.toUpperCase() }).format(row.total_cents / 100);
  const kind = (row: Payment) => KINDS.find((each) => each === row.kind);
  const state = (row: Payment) => STATES.find((each) => each === row.state);
  const columns: Column<Payment>[] = [
    {
      id: 'kind',
      name: t('payments:list.kind'),
      cell: (row) => <TwoLines first={kind(row) === undefined ? row.kind : t(`payments:kind.${kind(row) ?? 'checkout'}`)} second={row.failure ?? undefined} />,
    },
    { id: 'at', name: t('payments:list.at'), cell: (row) => <When ns={row.paid_at_ns ?? row.created_at_ns} /> },
    {
      id: 'state',
      name: t('payments:list.state'),
      cell: (row) => (
        <Badge variant="light" tt="none" color={COLOURS[row.state] ?? 'gray'}>
          {state(row) === undefined ? row.state : t(`payments:state.${state(row) ?? 'paid'}`)}
        </Badge>
      ),
    },
    { id: 'credit', name: t('payments:list.credit'), end: true, cell: (row) => <Money value={row.amount_nanos} places={2} /> },
    { id: 'total', name: t('payments:list.total'), end: true, cell: charged },
  ];
  return (
    <ListPanel
      title={t('payments:list.title')}
      note={t('payments:list.note')}
      list={payments}
      columns={columns}
      rowId={(row) => row.id}
      icon={<IconCreditCard />}
      empty={t('payments:list.empty')}
      emptyText={t('payments:list.emptyText')}
    />
  );
}
