import type { ReactNode } from 'react';

import { count, duration, percent } from '~/i18n/numbers';
import { useWords } from '~/i18n/use-words';
import { Money } from '~/ui/amounts';
import { type Column, DataTable } from '~/ui/data-table';

import type { Latency, Line } from './api';

interface BreakdownProps {
  caption: string;
  lines: Line[];
  group: string;
  latency: Latency[];
  /** A name, and the way to what it stands for. */
  show: (id: string) => ReactNode;
}

/** The parts of a period, the costliest first. */
export function Breakdown({ caption, lines, group, latency, show }: BreakdownProps) {
  const { t, language } = useWords();
  const idOf = (line: Record<string, unknown>) => String(line[group] ?? '');
  const times = new Map(latency.map((line) => [idOf(line), line]));
  const columns: Column<Line>[] = [
    { id: 'name', name: t('usage:column.name'), cell: (line) => show(idOf(line)) },
    { id: 'requests', name: t('usage:tile.requests'), end: true, cell: (line) => count(line.requests, language) },
    { id: 'errors', name: t('usage:tile.errors'), end: true, cell: (line) => percent(line.failed, line.requests, language) },
    { id: 'tokens', name: t('usage:column.tokens'), end: true, cell: (line) => `${count(line.input_tokens, language)} / ${count(line.output_tokens, language)}` },
    { id: 'cache', name: t('usage:tile.cache'), end: true, cell: (line) => percent(line.cached_tokens, line.input_tokens, language) },
    { id: 'first', name: t('usage:column.first'), end: true, cell: (line) => duration(times.get(idOf(line))?.first_token_ms.p95, language) },
    { id: 'spend', name: t('usage:tile.spend'), end: true, cell: (line) => <Money value={line.cost_nanos} places={6} /> },
  ];
  return <DataTable caption={caption} columns={columns} rows={lines} rowId={idOf} />;
}
