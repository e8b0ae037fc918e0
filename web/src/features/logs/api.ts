import { useInfiniteQuery, useQuery } from '@tanstack/react-query';

import { api, type Answer, urlOf } from '~/api/client';
import type { components } from '~/api/schema';

import type { LogSearch } from './search';

export type Log = components['schemas']['LogView'];
export type LogDetail = Answer<'/api/v1/logs/{request_id}', 'get'>;
export type Attempt = LogDetail['attempts'][number];

const PAGE = 100;
const DAY_MS = 86_400_000;

export function queryOf(teamId: string, { days, ...terms }: LogSearch) {
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

export type BodyPart = components['schemas']['BodyPart'];

export function useKeptBody(id: string, wanted: boolean) {
  return useQuery({
    queryKey: ['log', id, 'body'],
    enabled: wanted,
    gcTime: 0, // what was read is not kept beyond the page
    staleTime: Infinity, // each reading is audited: once is enough
    queryFn: ({ signal }) => api.get('/api/v1/logs/{request_id}/body', { signal, path: { request_id: id } }),
  });
}

export function exportUrl(teamId: string, search: LogSearch, format: 'csv' | 'jsonl'): string {
  return urlOf('/api/v1/logs/export', {}, { ...queryOf(teamId, search), format });
}
