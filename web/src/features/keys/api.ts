import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';

import { api } from '~/api/client';
import type { components } from '~/api/schema';

export type Key = components['schemas']['KeyView'];
export type NewKey = components['schemas']['KeyWish'];
export type KeyChange = components['schemas']['KeyPatch'];
export type Issued = components['schemas']['MadeKey'];

const PAGE = 50;
const LIST = '/api/v1/teams/{team_id}/keys';
const ONE = '/api/v1/teams/{team_id}/keys/{key_id}';
const keysOf = (teamId: string) => ['team', teamId, 'keys'];

export function useKeys(teamId: string) {
  return useInfiniteQuery({
    queryKey: keysOf(teamId),
    queryFn: ({ signal, pageParam }) =>
      api.get(LIST, { signal, path: { team_id: teamId }, query: { limit: PAGE, after: pageParam } }),
    initialPageParam: '',
    getNextPageParam: (page) => page.next ?? undefined,
    select: (pages) => pages.pages.flatMap((page) => page.data),
  });
}

/** Every mutation ends by asking for the list again: the server's word is the truth. */
function useChange<Input, Result>(teamId: string, change: (input: Input) => Promise<Result>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: () => client.invalidateQueries({ queryKey: keysOf(teamId) }),
  });
}

export const useCreateKey = (teamId: string) =>
  useChange(teamId, (body: NewKey) => api.post(LIST, { path: { team_id: teamId }, body }));

export const useEditKey = (teamId: string) =>
  useChange(teamId, ({ key, change }: { key: Key; change: KeyChange }) =>
    api.patch(ONE, { path: { team_id: teamId, key_id: key.id }, body: change, version: key.version }),
  );

export const useRotateKey = (teamId: string) =>
  useChange(teamId, ({ key, overlapS }: { key: Key; overlapS: number }) =>
    api.post(`${ONE}/rotate`, { path: { team_id: teamId, key_id: key.id }, body: { overlap_s: overlapS } }),
  );

export const useRevokeKey = (teamId: string) =>
  useChange(teamId, (key: Key) => api.delete(ONE, { path: { team_id: teamId, key_id: key.id } }));
