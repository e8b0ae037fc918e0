import { Badge } from '@mantine/core';

import { count } from '~/i18n/numbers';
import { useWords } from '~/i18n/use-words';
import { When } from '~/ui/amounts';
import { type Column, DataTable } from '~/ui/data-table';
import { Facts } from '~/ui/facts';
import { IconServer } from '~/ui/icons';
import { Page, Panel } from '~/ui/page';
import { Empty, Loaded } from '~/ui/states';

import { type JournalRow, type Queue, useSystem } from './api';

const QUEUES = ['open_requests', 'webhooks', 'webhooks_failed', 'mail', 'approvals'] as const;
const TROUBLE = new Set(['webhooks_failed']);

/** What runs here, of which parts, and what waits in it. */
export function SystemPage() {
  const { t, language } = useWords();
  const system = useSystem();
  const queues: Column<Queue>[] = [
    {
      id: 'name',
      name: t('operation:queue.name'),
      cell: (row) => {
        const known = QUEUES.find((each) => each === row.name);
        return known === undefined ? row.name : t(`operation:queue.${known}`);
      },
    },
    {
      id: 'depth',
      name: t('operation:queue.depth'),
      end: true,
      cell: (row) =>
        TROUBLE.has(row.name) && row.depth > 0 ? (
          <Badge variant="light" color="red" tt="none">
            {count(row.depth, language)}
          </Badge>
        ) : (
          count(row.depth, language)
        ),
    },
    { id: 'oldest', name: t('operation:queue.oldest'), end: true, cell: (row) => <When ns={row.oldest_ns} /> },
  ];
  const gateways: Column<JournalRow>[] = [
    { id: 'gateway', name: t('operation:gateway.name'), cell: (row) => <code>{row.gateway}</code> },
    { id: 'first', name: t('operation:gateway.since'), cell: (row) => <When ns={row.first_seen_ns} /> },
    { id: 'last', name: t('operation:gateway.heard'), cell: (row) => <When ns={row.last_seen_ns} /> },
    { id: 'open', name: t('operation:gateway.open'), end: true, cell: (row) => count(row.open_requests, language) },
  ];
  return (
    <Page title={t('operation:system.title')} lead={t('operation:system.lead')}>
      <Loaded query={system} rows={6}>
        {(now) => (
          <>
            <Panel title={t('operation:system.about')}>
              <Facts
                rows={[
                  [t('operation:system.zone'), now.zone],
                  [t('operation:system.edition'), now.edition],
                  [t('operation:system.version'), now.version],
                  [t('operation:system.billing'), now.billing ? t('operation:system.on') : t('operation:system.off')],
                  [t('operation:system.snapshot'), <code key="s">{now.snapshot || '–'}</code>],
                ]}
              />
            </Panel>
            <Panel title={t('operation:system.components')} note={t('operation:system.componentsNote')}>
              <Facts rows={now.components.map(({ slot, use }) => [slot, <code key={slot}>{use}</code>] as const)} />
            </Panel>
            <Panel title={t('operation:queue.title')} note={t('operation:queue.note')} flush>
              <DataTable caption={t('operation:queue.title')} columns={queues} rows={now.queues} rowId={(row) => row.name} />
            </Panel>
            <Panel title={t('operation:gateway.title')} note={t('operation:gateway.note')} flush>
              {now.gateways.length === 0 ? (
                <Empty icon={<IconServer />} title={t('operation:gateway.empty')} text={t('operation:gateway.emptyText')} />
              ) : (
                <DataTable caption={t('operation:gateway.title')} columns={gateways} rows={now.gateways} rowId={(row) => row.gateway} />
              )}
            </Panel>
          </>
        )}
      </Loaded>
    </Page>
  );
}
