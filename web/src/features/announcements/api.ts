import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';

import { api } from '~/api/client';
import type { components } from '~/api/schema';

export type Announcement = components['schemas']['AnnouncementView'];

const EVERY_MS = 300_000;

export function useAnnouncements() {
  return useQuery({
    queryKey: ['announcements'],
    queryFn: async ({ signal }) => (await api.get('/api/v1/announcements', { signal })).data,
    refetchInterval: EVERY_MS,
    staleTime: EVERY_MS,
  });
}

export type Wanted = components['schemas']['AnnouncementBody'];

const ADMIN = '/api/v1/admin/announcements';
const ONE = `${ADMIN}/{announcement_id}` as const;

export function useAllAnnouncements() {
  return useQuery({
    queryKey: ['admin', 'announcements'],
    queryFn: async ({ signal }) => (await api.get(ADMIN, { signal })).data,
  });
}

export function useAnnouncementDeeds() {
  const client = useQueryClient();
  const onSuccess = () =>
    Promise.all([
      client.invalidateQueries({ queryKey: ['admin', 'announcements'] }),
      client.invalidateQueries({ queryKey: ['announcements'] }),
    ]);
  return {
    save: useMutation({
      mutationFn: ({ row, body }: { row: Announcement | null; body: Wanted }) =>
        row === null
          ? api.post(ADMIN, { body })
          : api.put(ONE, { path: { announcement_id: row.id }, body, version: row.version }),
      onSuccess,
    }),
    remove: useMutation({
      mutationFn: (row: Announcement) => api.delete(ONE, { path: { announcement_id: row.id }, version: row.version }),
      onSuccess,
    }),
  };
}
