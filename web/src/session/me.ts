import { hashKey, queryOptions, useQuery, useQueryClient } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';

import { api, type Answer, forgetCsrfToken } from '~/api/client';
import { forgetPlaygroundKeys } from '~/api/data-plane';
import { Problem } from '~/api/problem';

import { holds, holdsOnPlatform, type Permission, type PlatformPermission } from './permissions';

export type Me = Answer<'/api/v1/me', 'get'>;
export type TeamOfMe = Me['teams'][number];

/** Who is signed in; null for nobody, which is an answer and not an error. */
export const meQuery = queryOptions({
  queryKey: ['me'],
  staleTime: 60_000,
  queryFn: async ({ signal }): Promise<Me | null> => {
    try {
      return await api.get('/api/v1/me', { signal });
    } catch (error) {
      if (error instanceof Problem && error.status === 401) return null;
      throw error;
    }
  },
});

export function useMe(): Me {
  const { data } = useQuery(meQuery);
  if (data == null) throw new Error('useMe is for pages of people who are signed in');
  return data;
}

export interface CurrentTeam extends TeamOfMe {
  may: (permission: Permission) => boolean;
}

/** The team of the address. The shell shows "not found" for one that is not the reader's. */
export function useTeam(): CurrentTeam {
  const me = useMe();
  const { teamId } = useParams({ strict: false });
  const team = me.teams.find((each) => each.id === teamId);
  if (team === undefined) throw new Error('useTeam is for pages of a team');
  return { ...team, may: (permission) => holds(team.role, permission) };
}

/** What the reader's platform role allows; nothing for who has none. */
export function usePlatform(): (permission: PlatformPermission) => boolean {
  const { platform_role: role } = useMe();
  return (permission) => holdsOnPlatform(role, permission);
}

/** After signing in or out nothing that was read before may be shown. */
export function useForget(): () => Promise<void> {
  const client = useQueryClient();
  return async () => {
    forgetCsrfToken();
    forgetPlaygroundKeys();
    // Who is signed in is asked anew before it is forgotten: what is still on the page may look.
    client.removeQueries({ predicate: (query) => query.queryHash !== hashKey(meQuery.queryKey) });
    client.getMutationCache().clear();
    await client.fetchQuery({ ...meQuery, staleTime: 0 }).catch(() => client.setQueryData(meQuery.queryKey, null));
  };
}

const LAST_TEAM = 'opengateway-team';

export function rememberTeam(teamId: string): void {
  try {
    localStorage.setItem(LAST_TEAM, teamId);
  } catch {
    // Not remembered, then: the first team is shown next time.
  }
}

export function startingTeam(me: Me): TeamOfMe | undefined {
  let kept: string | null = null;
  try {
    kept = localStorage.getItem(LAST_TEAM);
  } catch {
    // Storage is switched off.
  }
  return me.teams.find((team) => team.id === kept) ?? me.teams[0];
}
