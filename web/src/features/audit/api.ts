import { useInfiniteQuery } from '@tanstack/react-query';

import { api } from '~/api/client';
import type { components } from '~/api/schema';

export type Deed = components['schemas']['AuditView'];

const PAGE = 50;

/** Of a team, or of the whole platform where none is named. */
export function useAudit(teamId: string | undefined) {
  return useInfiniteQuery({
    queryKey: ['audit', teamId],
    queryFn: ({ signal, pageParam }) => {
      const query = { limit: PAGE, after: pageParam };
      return teamId === undefined
        ? api.get('/api/v1/admin/audit', { signal, query })
        : api.get('/api/v1/teams/{team_id}/audit', { signal, path: { team_id: teamId }, query });
    },
    initialPageParam: '',
    getNextPageParam: (page) => page.next ?? undefined,
    select: (pages) => pages.pages.flatMap((page) => page.data),
  });
}
