import { useQuery } from '@tanstack/react-query';

import { listEndpoints, listModels } from '~/api/data-plane';

export function useModels(teamId: string) {
  return useQuery({
    queryKey: ['team', teamId, 'models'],
    queryFn: ({ signal }) => listModels(teamId, signal),
    staleTime: 60_000,
  });
}

export function useEndpoints(teamId: string, model: string) {
  return useQuery({
    queryKey: ['team', teamId, 'models', model, 'endpoints'],
    queryFn: ({ signal }) => listEndpoints(teamId, model, signal),
    staleTime: 60_000,
  });
}
