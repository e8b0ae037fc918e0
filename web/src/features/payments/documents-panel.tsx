import { Anchor } from '@mantine/core';

import { api, urlOf } from '~/api/client';
import type { components } from '~/api/schema';
import { useWords } from '~/i18n/use-words';
import { useTeam } from '~/session/me';
import { usePages } from '~/session/pages';
import { When } from '~/ui/amounts';
import type { Column } from '~/ui/data-table';
import { IconReceipt } from '~/ui/icons';
import { ListPanel } from '~/ui/list-panel';

type Document = components['schemas']['DocumentView'];

const PAGE = 50;

/** Invoices and receipts, as they were issued. */
export function DocumentsPanel() {
  const { t } = useWords();
  const team = useTeam();
  const documents = usePages<Document>(['team', team.id, 'documents'], (after, signal) =>
    api.get('/api/v1/teams/{team_id}/documents', { signal, path: { team_id: team.id }, query: { limit: PAGE, after } }),
  );
  const columns: Column<Document>[] = [
    {
      id: 'number',
      name: t('payments:column.number'),
      cell: (row) => (
        <Anchor
          href={urlOf('/api/v1/teams/{team_id}/documents/{document_id}/pdf', { team_id: team.id, document_id: row.id })}
          download
          fw={550}
          inherit
        >
          {row.number}
        </Anchor>
      ),
    },
    { id: 'kind', name: t('payments:column.kind'), cell: (row) => row.kind },
    { id: 'at', name: t('payments:column.at'), cell: (row) => <When ns={row.issued_at_ns} /> },
    { id: 'total', name: t('payments:column.total'), end: true, cell: (row) => row.total },
  ];
  return (
    <ListPanel
      title={t('payments:title')}
      note={t('payments:lead')}
      list={documents}
      columns={columns}
      rowId={(row) => row.id}
      icon={<IconReceipt />}
      empty={t('payments:empty')}
      emptyText={t('payments:emptyText')}
    />
  );
}
