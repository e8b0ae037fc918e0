import { useQuery } from '@tanstack/react-query';

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
