import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';

import { api } from '~/api/client';
import type { components } from '~/api/schema';
import { usePages } from '~/session/pages';

export type Team = components['schemas']['TeamView'];
export type User = components['schemas']['UserView'];
export type PlatformRole = components['schemas']['PlatformRole'];

const PAGE = 50;

export function useAllTeams() {
  return usePages(['admin', 'teams'], (after, signal) => api.get('/api/v1/admin/teams', { signal, query: { limit: PAGE, after } }));
}

export function useTeamBalance(teamId: string) {
  return useQuery({
    queryKey: ['admin', 'teams', teamId, 'balance'],
    queryFn: ({ signal }) => api.get('/api/v1/admin/teams/{team_id}/balance', { signal, path: { team_id: teamId } }),
  });
}

export interface Booking {
  kind: 'grant' | 'adjustment' | 'refund';
  usd: string;
  note: string;
}

/** What the platform's people do to a team; each is audited, and each changes what is shown of it. */
export function useTeamDeeds(teamId: string) {
  const client = useQueryClient();
  const onSuccess = () => client.invalidateQueries({ queryKey: ['admin', 'teams'] });
  const path = { team_id: teamId };
  return {
    freeze: useMutation({
      mutationFn: (reason: string) => api.post('/api/v1/admin/teams/{team_id}/freeze', { path, body: { reason } }),
      onSuccess,
    }),
    unfreeze: useMutation({
      mutationFn: (reason: string) => api.post('/api/v1/admin/teams/{team_id}/unfreeze', { path, body: { reason } }),
      onSuccess,
    }),
    book: useMutation({
      mutationFn: async ({ kind, usd, note }: Booking): Promise<unknown> => {
        switch (kind) {
          case 'grant':
            return api.post('/api/v1/admin/teams/{team_id}/grants', { path, body: { usd, note } as never });
          case 'adjustment':
            return api.post('/api/v1/admin/teams/{team_id}/adjustments', { path, body: { usd, note } as never });
          case 'refund':
            return api.post('/api/v1/admin/teams/{team_id}/refunds', { path, body: { usd, note } as never });
        }
      },
      onSuccess,
    }),
  };
}

export function useAllUsers() {
  return usePages(['admin', 'users'], (after, signal) => api.get('/api/v1/admin/users', { signal, query: { limit: PAGE, after } }));
}

export function useUserDeeds() {
  const client = useQueryClient();
  const onSuccess = () => client.invalidateQueries({ queryKey: ['admin', 'users'] });
  return {
    change: useMutation({
      mutationFn: ({ user, ...body }: { user: User; status?: 'active' | 'suspended'; platform_role?: PlatformRole | null }) =>
        api.patch('/api/v1/admin/users/{user_id}', { path: { user_id: user.id }, body: body as never, version: user.version }),
      onSuccess,
    }),
    reset: useMutation({
      mutationFn: (user: User) => api.post('/api/v1/admin/users/{user_id}/password-reset', { path: { user_id: user.id } }),
    }),
  };
}
