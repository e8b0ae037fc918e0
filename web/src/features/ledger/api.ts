import { useInfiniteQuery, useQuery } from '@tanstack/react-query';

import { api } from '~/api/client';
import type { components } from '~/api/schema';

export type Balance = components['schemas']['BalanceView'];
export type Grant = components['schemas']['GrantView'];
export type Entry = components['schemas']['LedgerEntryView'];

const PAGE = 100;

export function useBalance(teamId: string) {
  return useQuery({
    queryKey: ['team', teamId, 'balance'],
    refetchInterval: 15_000,
    queryFn: ({ signal }) => api.get('/api/v1/teams/{team_id}/balance', { signal, path: { team_id: teamId } }),
  });
}

export function useEntries(teamId: string) {
  return useInfiniteQuery({
    queryKey: ['team', teamId, 'ledger'],
    queryFn: ({ signal, pageParam }) =>
      api.get('/api/v1/teams/{team_id}/ledger', {
        signal,
        path: { team_id: teamId },
        query: { limit: PAGE, after: pageParam },
      }),
    initialPageParam: '',
    getNextPageParam: (page) => page.next ?? undefined,
    select: (pages) => pages.pages.flatMap((page) => page.data),
  });
}
