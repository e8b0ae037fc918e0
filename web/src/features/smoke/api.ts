import { useMutation, useQueryClient } from '@tanstack/react-query';

import { api } from '~/api/client';
import type { components } from '~/api/schema';
import { usePages } from '~/session/pages';

export type Cell = components['schemas']['SmokeCellView'];
export type Run = components['schemas']['SmokeRunView'];
export type Proposal = components['schemas']['ProposalView'];

const PAGE = 1000;
const RUNS = 20;

export function useCells() {
  return usePages(['admin', 'smoke', 'cells'], (after, signal) =>
    api.get('/api/v1/admin/smoke', { signal, query: { limit: PAGE, after } }),
  );
}

export function useRuns() {
  return usePages(['admin', 'smoke', 'runs'], (after, signal) =>
    api.get('/api/v1/admin/smoke/runs', { signal, query: { limit: RUNS, after } }),
  );
}

export function useProposals() {
  return usePages(['admin', 'smoke', 'proposals'], (after, signal) =>
    api.get('/api/v1/admin/smoke/proposals', { signal, query: { limit: RUNS, after } }),
  );
}

export function useSmokeDeeds() {
  const client = useQueryClient();
  const onSuccess = () => client.invalidateQueries({ queryKey: ['admin', 'smoke'] });
  return {
    start: useMutation({
      mutationFn: (body: components['schemas']['NewSmokeRun']) => api.post('/api/v1/admin/smoke/runs', { body }),
      onSuccess,
    }),
    dismiss: useMutation({
      mutationFn: (id: string) => api.post('/api/v1/admin/smoke/proposals/{proposal_id}/dismiss', { path: { proposal_id: id } }),
      onSuccess,
    }),
  };
}
