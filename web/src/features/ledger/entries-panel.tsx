
import { useWords } from '~/i18n/use-words';
import { useTeam } from '~/session/me';
import { Money, When } from '~/ui/amounts';
import { type Column, DataTable } from '~/ui/data-table';
import { IconReceipt } from '~/ui/icons';
import { Panel } from '~/ui/page';
import { Empty, Loaded } from '~/ui/states';

import { type Entry, useEntries } from './api';

/** Every entry that moved the team's money, newest first. */
export function EntriesPanel() {
  const { t } = useWords();
  const team = useTeam();
  const entries = useEntries(team.id);
  const columns: Column<Entry>[] = [
    { id: 'kind', name: t('ledger:entries.kind'), cell: (entry) => <strong style={{ fontWeight: 550 }}>{t(`ledger:kind.${entry.kind}`)}</strong> },
    { id: 'at', name: t('ledger:entries.at'), cell: (entry) => <When ns={entry.at_ns} /> },
    { id: 'note', name: t('ledger:entries.note'), cell: (entry) => entry.note || '–' },
    { id: 'amount', name: t('ledger:entries.amount'), end: true, cell: (entry) => <Money value={entry.amount_nanos} places={6} signed /> },
  ];
  return (
    <Panel title={t('ledger:entries.title')} note={t('ledger:entries.lead')} flush>
      <Loaded query={entries}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty icon={<IconReceipt />} title={t('ledger:entries.empty')} text={t('ledger:entries.emptyText')} />
          ) : (
            <DataTable
              caption={t('ledger:entries.title')}
              columns={columns}
              rows={rows}
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
    </Panel>
  );
}
