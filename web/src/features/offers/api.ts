import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';

import { api } from '~/api/client';
import type { components } from '~/api/schema';
import { usePages } from '~/session/pages';

export type DeskModel = components['schemas']['DeskModelView'];
export type Ending = components['schemas']['DeprecationView'];

const LIST = '/api/v1/admin/models';
const ONE = `${LIST}/{desk_model_id}` as const;
const ENDINGS = '/api/v1/admin/deprecations';
const PAGE = 50;

export function useDeskModels() {
  return usePages<DeskModel>(['admin', 'models'], (after, signal) => api.get(LIST, { signal, query: { limit: PAGE, after } }));
}

export function useEndings() {
  return useQuery({
    queryKey: ['admin', 'deprecations'],
    queryFn: async ({ signal }) => (await api.get(ENDINGS, { signal })).data,
  });
}

export function useModelDeeds() {
  const client = useQueryClient();
  const onSuccess = () => client.invalidateQueries({ queryKey: ['admin', 'models'] });
  const path = (row: DeskModel) => ({ desk_model_id: row.id });
  return {
    save: useMutation({
      mutationFn: ({ row, modelId, config }: { row: DeskModel | null; modelId: string; config: Record<string, unknown> }) =>
        row === null
          ? api.post(LIST, { body: { model_id: modelId, config } as never })
          : api.put(ONE, { path: path(row), body: { config } as never, version: row.version }),
      onSuccess,
    }),
    discard: useMutation({ mutationFn: (row: DeskModel) => api.delete(ONE, { path: path(row), version: row.version }), onSuccess }),
    smoke: useMutation({ mutationFn: (row: DeskModel) => api.post(`${ONE}/smoke`, { path: path(row) }), onSuccess }),
    publish: useMutation({
      mutationFn: (row: DeskModel) => api.post(`${ONE}/publish`, { path: path(row), version: row.version }),
      onSuccess,
    }),
    withdraw: useMutation({
      mutationFn: (row: DeskModel) => api.post(`${ONE}/withdraw`, { path: path(row), version: row.version }),
      onSuccess,
    }),
  };
}

export function useEndingDeeds() {
  const client = useQueryClient();
  const onSuccess = () => client.invalidateQueries({ queryKey: ['admin', 'deprecations'] });
  return {
    end: useMutation({
      mutationFn: (body: { model_id: string; ends_at_ns: number; successor: string | null; note: string }) => api.put(ENDINGS, { body }),
      onSuccess,
    }),
    takeBack: useMutation({ mutationFn: (model: string) => api.delete(ENDINGS, { query: { model } }), onSuccess }),
  };
}
