import { Anchor } from '@mantine/core';

import { urlOf } from '~/api/client';
import { useWords } from '~/i18n/use-words';
import { useTeam } from '~/session/me';
import { When } from '~/ui/amounts';
import type { Column } from '~/ui/data-table';
import { IconReceipt } from '~/ui/icons';
import { ListPanel } from '~/ui/list-panel';

import { type Paper, usePapers } from './api';

const KINDS = ['receipt', 'invoice', 'credit_note'] as const;

/** Invoices and receipts, as they were issued. */
export function DocumentsPanel() {
  const { t } = useWords();
  const team = useTeam();
  const documents = usePapers(team.id);
  const kind = (row: Paper) => KINDS.find((each) => each === row.kind);
  const columns: Column<Paper>[] = [
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
    { id: 'kind', name: t('payments:column.kind'), cell: (row) => (kind(row) === undefined ? row.kind : t(`payments:paper.${kind(row) ?? 'receipt'}`)) },
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
