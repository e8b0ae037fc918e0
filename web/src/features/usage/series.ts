import { height } from '~/i18n/money';

import type { Line, Span } from './api';

export const METRICS = ['requests', 'spend', 'tokens', 'failed'] as const;
export type Metric = (typeof METRICS)[number];

const MOST_SERIES = 6;
const HOUR_MS = 3_600_000;
const NS_MS = 1_000_000;
export const REST = '';

export function measure(line: Line, metric: Metric): number {
  switch (metric) {
    case 'requests':
      return line.requests;
    case 'failed':
      return line.failed;
    case 'spend':
      return height(line.cost_nanos);
    case 'tokens':
      return line.input_tokens + line.output_tokens;
  }
}

const nameOf = (line: Line, group: string) => String(line[group] ?? REST);

/** A point for each hour or day, with nothing where nothing was; small groups are one, the last. */
export function seriesOf(lines: Line[], group: string, metric: Metric, span: Span) {
  const sizes = new Map<string, number>();
  for (const line of lines) {
    const name = nameOf(line, group);
    sizes.set(name, (sizes.get(name) ?? 0) + measure(line, metric));
  }
  const large = [...sizes].sort((a, b) => b[1] - a[1]).slice(0, MOST_SERIES).map(([name]) => name).filter((name) => name !== REST);
  const ids = new Map(large.map((name, place) => [name, `s${place}`]));
  const step = span.by === 'hour' ? HOUR_MS : 24 * HOUR_MS;
  const at = (line: Line) => Number(line[span.by === 'hour' ? 'hour_ns' : 'day_ns']) / NS_MS;
  // Days begin where the server says; the first line tells their phase.
  const phase = lines[0] === undefined ? 0 : at(lines[0]) % step;
  const first = Math.floor((span.fromMs - phase) / step) * step + phase;
  const points = new Map<number, Record<string, number>>();
  for (let time = first; time < span.untilMs; time += step) points.set(time, { at: time });
  for (const line of lines) {
    const point = points.get(at(line));
    const id = ids.get(nameOf(line, group)) ?? 'rest';
    if (point !== undefined) point[id] = (point[id] ?? 0) + measure(line, metric);
  }
  const series = [...ids].map(([name, id]) => ({ id, name }));
  const rest = lines.some((line) => !ids.has(nameOf(line, group)));
  for (const point of points.values()) {
    for (const { id } of series) point[id] ??= 0;
    if (rest) point.rest ??= 0;
  }
  return { points: [...points.values()], series: rest ? [...series, { id: 'rest', name: REST }] : series };
}
