import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';

import { api } from '~/api/client';
import type { components } from '~/api/schema';

export type Own = components['schemas']['OwnCredentialView'];

const LIST = '/api/v1/teams/{team_id}/credentials';
const ONE = `${LIST}/{credential_id}` as const;

export function useOwn(teamId: string) {
  return useQuery({
    queryKey: ['team', teamId, 'own'],
    queryFn: async ({ signal }) => (await api.get(LIST, { signal, path: { team_id: teamId } })).data,
  });
}

export function useOwnDeeds(teamId: string) {
  const client = useQueryClient();
  const onSuccess = () => client.invalidateQueries({ queryKey: ['team', teamId, 'own'] });
  const path = (row: Own) => ({ team_id: teamId, credential_id: row.id });
  return {
    add: useMutation({
      mutationFn: (wanted: { provider: string; name: string; secret: string; preferred: boolean }) =>
        api.post(LIST, {
          path: { team_id: teamId },
          body: { ...wanted, secret: { api_key: wanted.secret }, untested: false } as never,
        }),
      onSuccess,
    }),
    change: useMutation({
      mutationFn: ({ row, ...body }: { row: Own; preferred?: boolean; disabled?: boolean }) =>
        api.patch(ONE, { path: path(row), body: body as never, version: row.version }),
      onSuccess,
    }),
    rotate: useMutation({
      mutationFn: ({ row, secret }: { row: Own; secret: string }) =>
        api.post(`${ONE}/rotate`, { path: path(row), body: { secret: { api_key: secret } } as never, version: row.version }),
      onSuccess,
    }),
    test: useMutation({ mutationFn: (row: Own) => api.post(`${ONE}/test`, { path: path(row) }), onSuccess }),
    remove: useMutation({ mutationFn: (row: Own) => api.delete(ONE, { path: path(row), version: row.version }), onSuccess }),
  };
}
