import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';

import { api } from '~/api/client';
import type { components } from '~/api/schema';

export type Redemption = components['schemas']['RedemptionView'];

const PAGE = 50;

export function useRedemptions(teamId: string) {
  return useInfiniteQuery({
    queryKey: ['team', teamId, 'redemptions'],
    queryFn: ({ signal, pageParam }) =>
      api.get('/api/v1/teams/{team_id}/redemptions', {
        signal,
        path: { team_id: teamId },
        query: { limit: PAGE, after: pageParam },
      }),
    initialPageParam: '',
    getNextPageParam: (page) => page.next ?? undefined,
    select: (pages) => pages.pages.flatMap((page) => page.data),
  });
}

/** What a code became changes the balance, its grants and the ledger. */
export function useRedeem(teamId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (code: string) => api.post('/api/v1/redeem', { body: { code, team_id: teamId } }),
    onSuccess: () => client.invalidateQueries({ queryKey: ['team', teamId] }),
  });
}
