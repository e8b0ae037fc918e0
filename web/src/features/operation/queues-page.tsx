import { Button, SegmentedControl } from '@mantine/core';
import { useState } from 'react';

import { count } from '~/i18n/numbers';
import { useWords } from '~/i18n/use-words';
import { usePlatform } from '~/session/me';
import { When } from '~/ui/amounts';
import { type Column, DataTable } from '~/ui/data-table';
import { TwoLines } from '~/ui/facts';
import { IconCircleCheck, IconMailCheck } from '~/ui/icons';
import { ListPanel } from '~/ui/list-panel';
import { useNotices } from '~/ui/notices';
import { Page, Panel } from '~/ui/page';
import { Empty, Loaded } from '~/ui/states';
import { Tiles } from '~/ui/tiles';

import { type DeadDelivery, type Difference, type StuckJournal, useDeadDeliveries, useReconciliation, useRetry, useStuckJournals } from './api';

const DAY_H = 24;
const SPANS = [1, 24, 168, 720] as const;

/** Whether records and ledger say the same, and what did not get through. */
export function QueuesPage() {
  const { t } = useWords();
  const may = usePlatform();
  return (
    <Page title={t('operation:checks.title')} lead={t('operation:checks.lead')}>
      {may('ledger.read') && <Reconciled />}
      {may('system.read') && <Dead />}
      {may('system.read') && <Stuck />}
    </Page>
  );
}

function Reconciled() {
  const { t, language } = useWords();
  const [hours, setHours] = useState<number>(DAY_H);
  const found = useReconciliation(hours, true);
  const columns: Column<Difference>[] = [
    { id: 'id', name: t('operation:books.request'), cell: (row) => <TwoLines first={<code>{row.request_id}</code>} second={row.team_id} /> },
    { id: 'recorded', name: t('operation:books.recorded'), end: true, cell: (row) => `$${row.recorded_usd}` },
    { id: 'booked', name: t('operation:books.booked'), end: true, cell: (row) => (row.booked_usd == null ? '–' : `$${row.booked_usd}`) },
  ];
  return (
    <Panel
      title={t('operation:books.title')}
      note={t('operation:books.note')}
      action={
        <SegmentedControl
          size="xs"
          aria-label={t('operation:books.span')}
          value={String(hours)}
          onChange={(value) => setHours(Number(value))}
          data={SPANS.map((value) => ({ value: String(value), label: t(`operation:span.h${value}`) }))}
        />
      }
    >
      <Loaded query={found} rows={2}>
        {(now) => (
          <>
            <Tiles
              tiles={[
                { name: t('operation:books.requests'), value: count(now.requests, language) },
                { name: t('operation:books.recorded'), value: `$${now.recorded_usd}` },
                { name: t('operation:books.booked'), value: now.billing ? `$${now.booked_usd}` : '–' },
                { name: t('operation:books.difference'), value: now.billing ? `$${now.difference_usd}` : '–' },
              ]}
            />
            {!now.billing ? (
              <p>{t('operation:books.unbilled')}</p>
            ) : now.differences.length === 0 ? (
              <Empty icon={<IconCircleCheck />} title={t('operation:books.same')} text={t('operation:books.sameText')} />
            ) : (
              <DataTable caption={t('operation:books.differences')} columns={columns} rows={now.differences} rowId={(row) => row.request_id} />
            )}
          </>
        )}
      </Loaded>
    </Panel>
  );
}

function Dead() {
  const { t } = useWords();
  const may = usePlatform()('system.write');
  const notices = useNotices();
  const dead = useDeadDeliveries();
  const retry = useRetry();
  const columns: Column<DeadDelivery>[] = [
    { id: 'event', name: t('operation:dead.event'), cell: (row) => <TwoLines first={row.event_type} second={row.id} /> },
    { id: 'team', name: t('operation:dead.team'), cell: (row) => row.team_id },
    { id: 'tries', name: t('operation:dead.tries'), end: true, cell: (row) => row.attempts },
    { id: 'status', name: t('operation:dead.status'), end: true, cell: (row) => row.last_status ?? '–' },
    { id: 'at', name: t('operation:dead.at'), cell: (row) => <When ns={row.finished_at_ns ?? row.created_at_ns} /> },
    {
      id: 'do',
      name: t('operation:dead.actions'),
      end: true,
      cell: (row) =>
        may && (
          <Button
            variant="subtle"
            size="compact-sm"
            onClick={() => retry.mutate(row.id, { onSuccess: () => notices.done(t('operation:dead.retried')), onError: notices.failed })}
          >
            {t('operation:dead.retry')}
          </Button>
        ),
    },
  ];
  return (
    <ListPanel
      title={t('operation:dead.title')}
      note={t('operation:dead.note')}
      list={dead}
      columns={columns}
      rowId={(row) => row.id}
      icon={<IconMailCheck />}
      empty={t('operation:dead.empty')}
      emptyText={t('operation:dead.emptyText')}
    />
  );
}

function Stuck() {
  const { t, language } = useWords();
  const stuck = useStuckJournals();
  const columns: Column<StuckJournal>[] = [
    { id: 'gateway', name: t('operation:gateway.name'), cell: (row) => <code>{row.gateway}</code> },
    { id: 'last', name: t('operation:gateway.heard'), cell: (row) => <When ns={row.last_seen_ns} /> },
    { id: 'open', name: t('operation:gateway.open'), end: true, cell: (row) => count(row.open_requests, language) },
  ];
  return (
    <ListPanel
      title={t('operation:stuck.title')}
      note={t('operation:stuck.note')}
      list={stuck}
      columns={columns}
      rowId={(row) => row.gateway}
      icon={<IconCircleCheck />}
      empty={t('operation:stuck.empty')}
      emptyText={t('operation:stuck.emptyText')}
    />
  );
}
