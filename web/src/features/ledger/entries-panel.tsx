
import { Switch } from '@mantine/core';
import { useEffect, useState } from 'react';

import { useWords } from '~/i18n/use-words';
import { useTeam } from '~/session/me';
import { Money, When } from '~/ui/amounts';
import { type Column, DataTable } from '~/ui/data-table';
import { IconReceipt } from '~/ui/icons';
import { Panel } from '~/ui/page';
import { Empty, Loaded } from '~/ui/states';

import { type Entry, useEntries } from './api';

/** What was set aside for requests and given back: it changes no balance, and there is a lot of it. */
const HOLDS = new Set<Entry['kind']>(['lease', 'return']);
const FULL = 10;
const MOST = 1000;

/** Every entry that moved the team's money, newest first. */
export function EntriesPanel() {
  const { t } = useWords();
  const team = useTeam();
  const entries = useEntries(team.id);
  const [withHolds, setWithHolds] = useState(false);
  const { data, hasNextPage, isFetching, fetchNextPage } = entries;
  const shown = (data ?? []).filter((entry) => withHolds || !HOLDS.has(entry.kind));
  const sparse = data !== undefined && shown.length < FULL && data.length < MOST && hasNextPage;
  useEffect(() => {
    if (sparse && !isFetching) void fetchNextPage();
  }, [sparse, isFetching, fetchNextPage]);
  const columns: Column<Entry>[] = [
    { id: 'kind', name: t('ledger:entries.kind'), cell: (entry) => <strong style={{ fontWeight: 550 }}>{t(`ledger:kind.${entry.kind}`)}</strong> },
    { id: 'at', name: t('ledger:entries.at'), cell: (entry) => <When ns={entry.at_ns} /> },
    { id: 'note', name: t('ledger:entries.note'), cell: (entry) => entry.note || '–' },
    { id: 'amount', name: t('ledger:entries.amount'), end: true, cell: (entry) => <Money value={entry.amount_nanos} places={6} signed /> },
  ];
  return (
    <Panel title={t('ledger:entries.title')} note={t('ledger:entries.lead')} flush>
      <Loaded query={entries}>
        {() =>
          shown.length === 0 ? (
            <Empty icon={<IconReceipt />} title={t('ledger:entries.empty')} text={t('ledger:entries.emptyText')} />
          ) : (
            <DataTable
              caption={t('ledger:entries.title')}
              columns={columns}
              rows={shown}
              rowId={(entry) => entry.id}
              more={
                entries.hasNextPage
                  ? { load: () => void entries.fetchNextPage(), loading: entries.isFetchingNextPage }
                  : undefined
              }
            />
          )
        }
      </Loaded>
      {(data ?? []).some((entry) => HOLDS.has(entry.kind)) && (
        <Switch
          px="md"
          py="sm"
          size="xs"
          label={t('ledger:entries.withHolds')}
          checked={withHolds}
          onChange={(event) => setWithHolds(event.currentTarget.checked)}
        />
      )}
    </Panel>
  );
}
