import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';

import { api } from '~/api/client';
import type { components } from '~/api/schema';
import { meQuery } from '~/session/me';
import { usePages } from '~/session/pages';

export type Team = components['schemas']['TeamView'];
export type TeamChange = components['schemas']['TeamPatch'];
export type Webhook = components['schemas']['WebhookView'];
export type Delivery = components['schemas']['DeliveryView'];
export type EventKind = components['schemas']['EventKind'];

const TEAM = '/api/v1/teams/{team_id}';
const ALERTS = '/api/v1/teams/{team_id}/alert-settings';
const HOOKS = '/api/v1/teams/{team_id}/webhooks';
const HOOK = '/api/v1/teams/{team_id}/webhooks/{webhook_id}';

export function useTeamSettings(teamId: string) {
  return useQuery({
    queryKey: ['team', teamId, 'settings'],
    queryFn: ({ signal }) => api.get(TEAM, { signal, path: { team_id: teamId } }),
  });
}

export function useChangeTeam(team: Team) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: TeamChange) => api.patch(TEAM, { path: { team_id: team.id }, body, version: team.version }),
    onSuccess: async (changed) => {
      client.setQueryData(['team', team.id, 'settings'], changed);
      await client.invalidateQueries({ queryKey: meQuery.queryKey });
    },
  });
}

export function useDeleteTeam(team: Team) {
  return useMutation({
    mutationFn: () => api.delete(TEAM, { path: { team_id: team.id }, version: team.version }),
  });
}

export function useLeaveTeam(teamId: string) {
  return useMutation({
    mutationFn: () => api.post('/api/v1/teams/{team_id}/leave', { path: { team_id: teamId } }),
  });
}

export function useAlerts(teamId: string) {
  return useQuery({
    queryKey: ['team', teamId, 'alerts'],
    queryFn: ({ signal }) => api.get(ALERTS, { signal, path: { team_id: teamId } }),
  });
}

export function useChangeAlerts(teamId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ version, ...body }: { version: number; emails: string[]; low_balance_nanos: number | null }) =>
      api.put(ALERTS, { path: { team_id: teamId }, body, version }),
    onSuccess: (changed) => client.setQueryData(['team', teamId, 'alerts'], changed),
  });
}

const ROUTING = '/api/v1/teams/{team_id}/routing';
export type Ceiling = components['schemas']['RoutingPolicyView'];

export function useCeiling(teamId: string) {
  return useQuery({
    queryKey: ['team', teamId, 'routing'],
    queryFn: ({ signal }) => api.get(ROUTING, { signal, path: { team_id: teamId } }),
  });
}

export function useSetCeiling(teamId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ version, ...body }: components['schemas']['RoutingPolicyBody'] & { version: number }) =>
      api.put(ROUTING, { path: { team_id: teamId }, body, ...(version === 0 ? {} : { version }) }),
    onSuccess: (changed) => client.setQueryData(['team', teamId, 'routing'], changed),
  });
}

export function useWebhooks(teamId: string) {
  return useQuery({
    queryKey: ['team', teamId, 'webhooks'],
    queryFn: async ({ signal }) => (await api.get(HOOKS, { signal, path: { team_id: teamId } })).data,
  });
}

const DELIVERIES = `${HOOK}/deliveries` as const;
const PAGE = 25;

export function useDeliveries(teamId: string, webhookId: string) {
  return usePages<Delivery>(['team', teamId, 'webhooks', webhookId], (after, signal) =>
    api.get(DELIVERIES, { signal, path: { team_id: teamId, webhook_id: webhookId }, query: { limit: PAGE, after } }),
  );
}

export function useWebhookDeeds(teamId: string) {
  const client = useQueryClient();
  const onSuccess = () => client.invalidateQueries({ queryKey: ['team', teamId, 'webhooks'] });
  const path = (webhook: Webhook) => ({ team_id: teamId, webhook_id: webhook.id });
  return {
    create: useMutation({
      mutationFn: (url: string) => api.post(HOOKS, { path: { team_id: teamId }, body: { url } }),
      onSuccess,
    }),
    remove: useMutation({
      mutationFn: (webhook: Webhook) => api.delete(HOOK, { path: path(webhook), version: webhook.version }),
      onSuccess,
    }),
    test: useMutation({ mutationFn: (webhook: Webhook) => api.post(`${HOOK}/test`, { path: path(webhook) }), onSuccess }),
    rotate: useMutation({ mutationFn: (webhook: Webhook) => api.post(`${HOOK}/rotate`, { path: path(webhook) }), onSuccess }),
    redeliver: useMutation({
      mutationFn: (row: Delivery) =>
        api.post(`${DELIVERIES}/{delivery_id}/redeliver`, { path: { team_id: teamId, webhook_id: row.webhook_id, delivery_id: row.id } }),
      onSuccess,
    }),
  };
}
