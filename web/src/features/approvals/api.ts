import { useMutation, useQueryClient } from '@tanstack/react-query';

import { api } from '~/api/client';
import type { components } from '~/api/schema';
import { usePages } from '~/session/pages';

export type Approval = components['schemas']['ApprovalView'];

const PAGE = 50;

export function useApprovals() {
  return usePages(['admin', 'approvals'], (after, signal) => api.get('/api/v1/admin/approvals', { signal, query: { limit: PAGE, after } }));
}

export function useDecide() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, approved }: { id: string; approved: boolean }) =>
      approved
        ? api.post('/api/v1/admin/approvals/{approval_id}/approve', { path: { approval_id: id } })
        : api.post('/api/v1/admin/approvals/{approval_id}/reject', { path: { approval_id: id } }),
    onSuccess: () => client.invalidateQueries({ queryKey: ['admin', 'approvals'] }),
  });
}
