import { useMutation, useQueryClient } from '@tanstack/react-query';

import { api } from '~/api/client';
import type { components } from '~/api/schema';
import { usePages } from '~/session/pages';

export type Campaign = components['schemas']['CampaignView'];
export type Code = components['schemas']['CodeView'];
export type Redeemed = components['schemas']['AdminRedemptionView'];

const PAGE = 100;
const ONE = '/api/v1/admin/campaigns/{campaign_id}';

export function useCampaigns() {
  return usePages(['admin', 'campaigns'], (after, signal) =>
    api.get('/api/v1/admin/campaigns', { signal, query: { limit: PAGE, after } }),
  );
}

export function useCodes(id: string) {
  return usePages(['admin', 'campaigns', id, 'codes'], (after, signal) =>
    api.get('/api/v1/admin/campaigns/{campaign_id}/codes', { signal, path: { campaign_id: id }, query: { limit: PAGE, after } }),
  );
}

export function useRedeemed(id: string) {
  return usePages(['admin', 'campaigns', id, 'redemptions'], (after, signal) =>
    api.get('/api/v1/admin/campaigns/{campaign_id}/redemptions', {
      signal,
      path: { campaign_id: id },
      query: { limit: PAGE, after },
    }),
  );
}

export interface NewCampaign {
  name: string;
  usd: string;
  note: string;
  max_redemptions: number | null;
  per_team: number | null;
  per_user: number | null;
  credit_days: number | null;
  new_team_days: number | null;
  ends_at_ns: number | null;
  domains: string[];
}

export function useCreateCampaign() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: NewCampaign) => api.post('/api/v1/admin/campaigns', { body }),
    onSuccess: () => client.invalidateQueries({ queryKey: ['admin', 'campaigns'] }),
  });
}

export function useCampaignDeeds(id: string) {
  const client = useQueryClient();
  const onSuccess = () => client.invalidateQueries({ queryKey: ['admin', 'campaigns'] });
  const path = { campaign_id: id };
  return {
    pause: useMutation({ mutationFn: () => api.post(`${ONE}/pause`, { path }), onSuccess }),
    resume: useMutation({ mutationFn: () => api.post(`${ONE}/resume`, { path }), onSuccess }),
    revoke: useMutation({ mutationFn: () => api.post(`${ONE}/revoke`, { path }), onSuccess }),
    generate: useMutation({
      mutationFn: ({ count, uses }: { count: number; uses: number }) =>
        api.post(`${ONE}/batches`, { path, body: { count, max_uses: uses } }),
      onSuccess,
    }),
    /** Redemptions are looked at 200 at a time: again until none is left. */
    clawBack: useMutation({
      mutationFn: async (reason: string) => {
        let redemptions = 0;
        for (let after = ''; ; ) {
          const done = await api.post(`${ONE}/claw-back`, { path, body: { reason, after } });
          redemptions += done.redemptions;
          if (done.after === null) return redemptions;
          after = done.after;
        }
      },
      onSuccess,
    }),
  };
}
