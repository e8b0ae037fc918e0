import { Badge } from '@mantine/core';

import { duration } from '~/i18n/numbers';
import { useWords } from '~/i18n/use-words';
import { type Column, DataTable } from '~/ui/data-table';
import { TwoLines } from '~/ui/facts';
import { Panel } from '~/ui/page';

import type { Candidate, Exclusion } from './api';

const BANDS: Record<string, string> = { well: 'brand', degraded: 'orange', poor: 'orange', full: 'orange', half_open: 'orange', resting: 'gray', out: 'red' };

/** Those that would be tried, the first one first. */
export function Candidates({ rows }: { rows: Candidate[] }) {
  const { t, language } = useWords();
  const number = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 1 });
  const numbered = rows.map((row, place) => ({ ...row, place: place + 1 }));
  const columns: Column<(typeof numbered)[number]>[] = [
    { id: 'endpoint', name: t('routing:column.endpoint'), cell: (row) => <TwoLines first={<b>{`${row.place}. ${row.endpoint}`}</b>} second={row.model} /> },
    {
      id: 'band',
      name: t('routing:column.band'),
      cell: (row) => (
        <TwoLines
          first={
            <Badge variant="light" tt="none" color={BANDS[row.band] ?? 'gray'}>
              {row.band}
            </Badge>
          }
          second={(row.out_for ?? []).length > 0 ? (row.out_for ?? []).join(', ') : undefined}
        />
      ),
    },
    { id: 'expected', name: t('routing:column.expected'), end: true, cell: (row) => number.format(row.expected) },
    { id: 'tier', name: t('routing:column.tier'), end: true, cell: (row) => `${row.tier} / ${row.priority}` },
    { id: 'first', name: t('routing:column.first'), end: true, cell: (row) => duration(row.first_token_ms, language) },
    { id: 'price', name: t('routing:column.price'), end: true, cell: (row) => `$${row.usd_per_million}` },
  ];
  return (
    <Panel title={t('routing:candidates')} note={t('routing:candidatesNote')} flush>
      <DataTable caption={t('routing:candidates')} columns={columns} rows={numbered} rowId={(row) => row.endpoint + row.model} />
    </Panel>
  );
}

export function Excluded({ rows }: { rows: Exclusion[] }) {
  const { t } = useWords();
  if (rows.length === 0) return null;
  const columns: Column<Exclusion>[] = [
    { id: 'endpoint', name: t('routing:column.endpoint'), cell: (row) => <TwoLines first={row.endpoint} second={row.model} /> },
    { id: 'by', name: t('routing:column.by'), cell: (row) => <Badge variant="default" tt="none">{row.by}</Badge> },
  ];
  return (
    <Panel title={t('routing:excluded')} flush>
      <DataTable caption={t('routing:excluded')} columns={columns} rows={rows} rowId={(row) => row.endpoint + row.model + row.by} />
    </Panel>
  );
}
