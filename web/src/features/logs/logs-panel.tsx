import { Button } from '@mantine/core';

import { count, duration } from '~/i18n/numbers';
import { useWords } from '~/i18n/use-words';
import { useTeam } from '~/session/me';
import { Money, When } from '~/ui/amounts';
import { IconList, IconSearchOff } from '~/ui/icons';
import { LinkButton, TextLink } from '~/ui/link';
import { Panel } from '~/ui/page';
import { Empty, Loaded } from '~/ui/states';
import { type VirtualColumn, VirtualTable } from '~/ui/virtual-table';

import { type Log, useLogs } from './api';
import { EndingBadge } from './ending';
import type { LogSearch } from './search';
import { useTail } from './tail';

interface LogsPanelProps {
  search: LogSearch;
  /** Requests are shown as they end. */
  live: boolean;
  nameOfKey: (id: string) => string;
  onClear: () => void;
}

/** The requests that were asked for, newest first; any number of them. */
export function LogsPanel({ search, live, nameOfKey, onClear }: LogsPanelProps) {
  const { t, language } = useWords();
  const team = useTeam();
  const logs = useLogs(team.id, search);
  const come = useTail(team.id, search, live);
  const filtered = Object.values(search).some((value) => value !== undefined);
  const columns: VirtualColumn<Log>[] = [
    {
      id: 'model',
      name: t('logs:column.model'),
      width: 'minmax(0, 2fr)',
      cell: (log) => (
        <TextLink to="/teams/$teamId/logs/$requestId" params={{ teamId: team.id, requestId: log.id }} fw={550}>
          {log.requested_model || log.id}
        </TextLink>
      ),
    },
    { id: 'ending', name: t('logs:column.ending'), width: '8.5rem', cell: (log) => <EndingBadge ending={log.ending} status={log.status} /> },
    { id: 'at', name: t('logs:column.at'), width: '7.5rem', cell: (log) => <When ns={log.started_at_ns} /> },
    { id: 'provider', name: t('logs:column.provider'), width: 'minmax(0, 1fr)', cell: (log) => (log.attempts > 1 ? `${log.provider ?? '–'} (${log.attempts})` : (log.provider ?? '–')) },
    { id: 'key', name: t('logs:column.key'), width: 'minmax(0, 1fr)', cell: (log) => nameOfKey(log.key_id) },
    {
      id: 'tokens',
      name: t('logs:column.tokens'),
      width: '7.5rem',
      end: true,
      cell: (log) => `${count(log.input_tokens, language)} / ${count(log.output_tokens, language)}`,
    },
    { id: 'first', name: t('logs:column.first'), width: '5rem', end: true, cell: (log) => duration(log.first_token_ms, language) },
    { id: 'total', name: t('logs:column.total'), width: '5rem', end: true, cell: (log) => duration(log.total_ms, language) },
    { id: 'cost', name: t('logs:column.cost'), width: '6.5rem', end: true, cell: (log) => <Money value={log.cost_nanos} places={6} /> },
  ];
  return (
    <Panel flush>
      <Loaded query={logs} rows={8}>
        {(known) => {
          const rows = come.length === 0 ? known : joined(come, known);
          return rows.length > 0 ? (
            <VirtualTable
              caption={t('logs:title')}
              columns={columns}
              rows={rows}
              rowId={(log) => log.id}
              more={logs.hasNextPage ? { load: () => void logs.fetchNextPage(), loading: logs.isFetchingNextPage } : undefined}
            />
          ) : filtered ? (
            <Empty
              icon={<IconSearchOff />}
              title={t('logs:none')}
              text={t('logs:noneText')}
              action={
                <Button variant="default" onClick={onClear}>
                  {t('logs:filter.clear')}
                </Button>
              }
            />
          ) : (
            <Empty
              icon={<IconList />}
              title={t('logs:empty')}
              text={t('logs:emptyText')}
              action={
                <LinkButton to="/teams/$teamId" params={{ teamId: team.id }}>
                  {t('logs:emptyAction')}
                </LinkButton>
              }
            />
          );
        }}
      </Loaded>
    </Panel>
  );
}

/** What came since stands first; what was listed meanwhile too stands once. */
function joined(come: Log[], known: Log[]): Log[] {
  const seen = new Set(come.map((log) => log.id));
  return [...come, ...known.filter((log) => !seen.has(log.id))];
}
