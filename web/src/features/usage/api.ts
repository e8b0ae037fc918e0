import { keepPreviousData, useQuery } from '@tanstack/react-query';

import { api } from '~/api/client';
import type { components } from '~/api/schema';

import type { Group, Period } from './search';

export type Sums = components['schemas']['SumsView'];
export type Line = Sums & Record<string, string | number | null>;


const HOUR_MS = 3_600_000;
const HOURS: Record<Period, number> = { h24: 24, d7: 7 * 24, d30: 30 * 24, d90: 90 * 24 };
const LIVE_MS = 15_000;

export interface Span {
  fromMs: number;
  untilMs: number;
  by: 'hour' | 'day';
}

/** Whole hours, for sums are kept by the hour; the one that runs belongs to it. */
export function spanOf(period: Period, now = Date.now()): Span {
  const untilMs = Math.ceil((now + 1) / HOUR_MS) * HOUR_MS;
  return { fromMs: untilMs - HOURS[period] * HOUR_MS, untilMs, by: period === 'h24' ? 'hour' : 'day' };
}

/** Hours before UTC at which the reader's days begin. */
export function offsetHours(): number {
  return Math.round(-new Date().getTimezoneOffset() / 60);
}

interface UsageAsk {
  /** All teams, for the platform's people. */
  admin?: boolean;
  teamId?: string | undefined;
  period: Period;
  by: (Group | 'hour' | 'day' | 'team' | 'owner')[];
  compare?: boolean;
  limit?: number;
}

const ns = (ms: number) => ms * 1_000_000;

export function useUsage({ admin = false, teamId, period, by, compare = false, limit = 1000 }: UsageAsk) {
  return useQuery({
    queryKey: ['usage', admin, teamId, period, by, compare, limit],
    queryFn: async ({ signal }) => {
      const { fromMs, untilMs } = spanOf(period);
      const query = {
        team_id: teamId,
        from_ns: ns(fromMs),
        until_ns: ns(untilMs),
        by,
        compare,
        limit,
        utc_offset_h: offsetHours(),
      };
      const read = admin
        ? await api.get('/api/v1/admin/usage', { signal, query })
        : await api.get('/api/v1/usage', { signal, query });
      return { ...read, data: read.data as Line[] };
    },
    refetchInterval: LIVE_MS,
    placeholderData: keepPreviousData,
  });
}

export interface Percentiles {
  p50: number | null;
  p90: number | null;
  p95: number | null;
  p99: number | null;
}
export interface Latency {
  requests: number;
  total_ms: Percentiles;
  first_token_ms: Percentiles;
  [group: string]: unknown;
}

export function useLatency(ask: { admin?: boolean; teamId?: string | undefined; period: Period; by: Group[] }) {
  const { admin = false, teamId, period, by } = ask;
  return useQuery({
    queryKey: ['latency', admin, teamId, period, by],
    queryFn: async ({ signal }) => {
      const { fromMs, untilMs } = spanOf(period);
      const query = { team_id: teamId, from_ns: ns(fromMs), until_ns: ns(untilMs), by };
      const read = admin
        ? await api.get('/api/v1/admin/usage/latency', { signal, query })
        : await api.get('/api/v1/usage/latency', { signal, query });
      return read.data as unknown as Latency[];
    },
    refetchInterval: LIVE_MS,
    placeholderData: keepPreviousData,
  });
}
