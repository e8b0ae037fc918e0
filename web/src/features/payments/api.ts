import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';

import { api } from '~/api/client';
import type { components } from '~/api/schema';
import { usePages } from '~/session/pages';

export type Settings = components['schemas']['PaymentSettingsView'];
export type Payment = components['schemas']['PaymentView'];
export type Paper = components['schemas']['DocumentView'];
export type Profile = components['schemas']['BillingProfileView'];

const TEAM = '/api/v1/teams/{team_id}';
const PAGE = 50;

export function usePaymentSettings(teamId: string) {
  return useQuery({
    queryKey: ['team', teamId, 'payment-settings'],
    queryFn: ({ signal }) => api.get(`${TEAM}/payment-settings`, { signal, path: { team_id: teamId } }),
  });
}

export function usePayments(teamId: string) {
  return usePages<Payment>(['team', teamId, 'payments'], (after, signal) =>
    api.get(`${TEAM}/payments`, { signal, path: { team_id: teamId }, query: { limit: PAGE, after } }),
  );
}

export function usePapers(teamId: string) {
  return usePages<Paper>(['team', teamId, 'documents'], (after, signal) =>
    api.get(`${TEAM}/documents`, { signal, path: { team_id: teamId }, query: { limit: PAGE, after } }),
  );
}

export function useProfile(teamId: string) {
  return useQuery({
    queryKey: ['team', teamId, 'billing-profile'],
    queryFn: ({ signal }) => api.get(`${TEAM}/billing-profile`, { signal, path: { team_id: teamId } }),
  });
}

/** The processor's page is where cards are typed: none of it passes here. */
const goThere = ({ url }: { url: string }) => window.location.assign(url);

export function useBillingDeeds(teamId: string) {
  const client = useQueryClient();
  const path = { team_id: teamId };
  const onSuccess = () => client.invalidateQueries({ queryKey: ['team', teamId, 'payment-settings'] });
  return {
    topUp: useMutation({
      mutationFn: (body: { usd: string; save_method: boolean }) => api.post(`${TEAM}/topups`, { path, body }),
      onSuccess: goThere,
    }),
    saveMethod: useMutation({ mutationFn: () => api.post(`${TEAM}/payment-method`, { path }), onSuccess: goThere }),
    forgetMethod: useMutation({ mutationFn: () => api.delete(`${TEAM}/payment-method`, { path }), onSuccess }),
    recharge: useMutation({
      mutationFn: ({ version, ...body }: components['schemas']['NewRecharge'] & { version: number }) =>
        api.put(`${TEAM}/auto-recharge`, { path, body, ...(version === 0 ? {} : { version }) }),
      onSuccess,
    }),
    profile: useMutation({
      mutationFn: ({ version, ...body }: components['schemas']['NewBillingProfile'] & { version: number }) =>
        api.put(`${TEAM}/billing-profile`, { path, body, ...(version === 0 ? {} : { version }) }),
      onSuccess: (changed) => client.setQueryData(['team', teamId, 'billing-profile'], changed),
    }),
  };
}
