import { useInfiniteQuery, useQuery } from '@tanstack/react-query';

import { api, type Answer, urlOf } from '~/api/client';
import type { components } from '~/api/schema';

export type Log = components['schemas']['LogView'];
export type LogDetail = Answer<'/api/v1/logs/{request_id}', 'get'>;
export type Attempt = LogDetail['attempts'][number];

/** What the address says of which requests are wanted; everything left out is anything. */
export interface LogSearch {
  days?: number | undefined;
  ending?: Ending | undefined;
  status?: string | undefined;
  model?: string | undefined;
  provider?: string | undefined;
  key_id?: string | undefined;
  member_id?: string | undefined;
  session_id?: string | undefined;
  user?: string | undefined;
  id?: string | undefined;
}

export const ENDINGS = ['completed', 'client_gone', 'upstream_broke', 'refused', 'failed', 'void'] as const;
export type Ending = (typeof ENDINGS)[number];
export const DAYS = [1, 7, 30, 90] as const;

const PAGE = 100;
const DAY_MS = 86_400_000;

const text = (value: unknown): string | undefined =>
  (typeof value === 'string' && value !== '') || typeof value === 'number' ? String(value).slice(0, 256) : undefined;

/** The search of an address, as far as it is one of ours. */
export function logSearch(search: Record<string, unknown>): LogSearch {
  const status = text(search.status);
  return {
    days: DAYS.find((days) => days === Number(search.days)),
    ending: ENDINGS.find((ending) => ending === search.ending),
    status: status !== undefined && /^([1-5][0-9]{2}|[1-5]xx)$/.test(status) ? status : undefined,
    model: text(search.model),
    provider: text(search.provider),
    key_id: text(search.key_id),
    member_id: text(search.member_id),
    session_id: text(search.session_id),
    user: text(search.user),
    id: text(search.id),
  };
}

function queryOf(teamId: string, { days, ...terms }: LogSearch) {
  return {
    team_id: teamId,
    ...terms,
    from_ns: days === undefined ? undefined : Math.floor((Date.now() - days * DAY_MS) / 60_000) * 60_000 * 1_000_000,
  };
}

export function useLogs(teamId: string, search: LogSearch) {
  return useInfiniteQuery({
    queryKey: ['team', teamId, 'logs', search],
    queryFn: ({ signal, pageParam }) =>
      api.get('/api/v1/logs', { signal, query: { ...queryOf(teamId, search), limit: PAGE, after: pageParam } }),
    initialPageParam: '',
    getNextPageParam: (page) => page.next ?? undefined,
    select: (pages) => pages.pages.flatMap((page) => page.data),
  });
}

export function useLog(id: string, wait = false) {
  return useQuery({
    queryKey: ['log', id],
    queryFn: ({ signal }) => api.get('/api/v1/logs/{request_id}', { signal, path: { request_id: id } }),
    // A record is there a moment after its answer; whoever has just asked waits for it.
    ...(wait ? { retry: 12, retryDelay: 500 } : {}),
    staleTime: 60_000,
  });
}

export function exportUrl(teamId: string, search: LogSearch, format: 'csv' | 'jsonl'): string {
  return urlOf('/api/v1/logs/export', {}, { ...queryOf(teamId, search), format });
}
