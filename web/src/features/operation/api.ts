import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';

import { api } from '~/api/client';
import type { components } from '~/api/schema';
import { usePages } from '~/session/pages';

export type System = components['schemas']['System'];
export type Queue = components['schemas']['Queue'];
export type JournalRow = components['schemas']['JournalOfGateway'];
export type Difference = components['schemas']['Difference'];
export type DeadDelivery = components['schemas']['DeadDelivery'];
export type StuckJournal = components['schemas']['StuckJournal'];

const EVERY_MS = 10_000;
const PAGE = 50;

export function useSystem() {
  return useQuery({
    queryKey: ['admin', 'system'],
    refetchInterval: EVERY_MS,
    queryFn: ({ signal }) => api.get('/api/v1/admin/system', { signal }),
  });
}

export function useReconciliation(hours: number, enabled: boolean) {
  return useQuery({
    queryKey: ['admin', 'reconciliation', hours],
    enabled,
    queryFn: ({ signal }) => api.get('/api/v1/admin/reconciliation', { signal, query: { hours } }),
  });
}

export function useDeadDeliveries() {
  return usePages<DeadDelivery>(['admin', 'dead-deliveries'], (after, signal) =>
    api.get('/api/v1/admin/dead-letters/webhooks', { signal, query: { limit: PAGE, after } }),
  );
}

export function useRetry() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => api.post('/api/v1/admin/dead-letters/webhooks/{delivery_id}/retry', { path: { delivery_id: id } }),
    onSuccess: () => client.invalidateQueries({ queryKey: ['admin', 'dead-deliveries'] }),
  });
}

export function useStuckJournals() {
  return useQuery({
    queryKey: ['admin', 'stuck-journals'],
    queryFn: async ({ signal }) => (await api.get('/api/v1/admin/dead-letters/journals', { signal })).data,
  });
}
