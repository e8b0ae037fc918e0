import { useInfiniteQuery, useQuery } from '@tanstack/react-query';

import { api } from '~/api/client';

export interface Grant { id: string; kind: 'promo' | 'paid'; amount_nanos: number; remaining_nanos: number; expires_at_ns: number | null }
export interface Balance { available_nanos: number; held_nanos: number; grants: Grant[] }
export interface Entry { id: string; kind: 'grant' | 'topup'; amount_nanos: number; at_ns: number; note: string }

const PAGE = 25;

export function useBalance(teamId: string) {
  return useQuery({
    queryKey: ['team', teamId, 'balance'],
    refetchInterval: 15_000,
    queryFn: ({ signal }) => (api.get as any)('/api/v1/teams/{team_id}/balance', { signal, path: { team_id: teamId } }) as Promise<Balance>,
  });
}

export function useEntries(teamId: string) {
  return useInfiniteQuery({
    queryKey: ['team', teamId, 'ledger'],
    queryFn: ({ signal, pageParam }) =>
      (api.get as any)('/api/v1/teams/{team_id}/ledger', {
        signal,
        path: { team_id: teamId },
        query: { limit: PAGE, after: pageParam },
      }) as Promise<{ data: Entry[]; next: string | null }>,
    initialPageParam: '',
    getNextPageParam: (page) => page.next ?? undefined,
    select: (pages) => pages.pages.flatMap((page) => page.data),
  });
}
