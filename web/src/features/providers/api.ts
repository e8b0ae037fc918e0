import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';

import { api } from '~/api/client';
import type { components } from '~/api/schema';

export type Provider = components['schemas']['ProviderView'];
export type Credential = components['schemas']['CredentialView'];
export type Endpoint = components['schemas']['EndpointView'];

const PROVIDER = '/api/v1/admin/providers/{provider}';
const CREDENTIAL = '/api/v1/admin/credentials/{credential_id}';

export function useProviders() {
  return useQuery({
    queryKey: ['admin', 'providers'],
    queryFn: async ({ signal }) => (await api.get('/api/v1/admin/providers', { signal })).data,
  });
}

export function useCredentials(provider: string) {
  return useQuery({
    queryKey: ['admin', 'providers', provider, 'credentials'],
    queryFn: async ({ signal }) => (await api.get(`${PROVIDER}/credentials`, { signal, path: { provider } })).data,
  });
}

export function useEndpoints(filter: { model?: string | undefined; provider?: string | undefined }) {
  return useQuery({
    queryKey: ['admin', 'endpoints', filter],
    queryFn: async ({ signal }) => (await api.get('/api/v1/admin/endpoints', { signal, query: filter })).data,
  });
}

export function useProviderDeeds(provider: string) {
  const client = useQueryClient();
  const onSuccess = () => client.invalidateQueries({ queryKey: ['admin', 'providers'] });
  return {
    test: useMutation({
      mutationFn: (credential: string | null) => api.post(`${PROVIDER}/test`, { path: { provider }, body: { credential, model: null } }),
      onSuccess,
    }),
    addKey: useMutation({
      mutationFn: ({ name, secret }: { name: string; secret: string }) =>
        api.post(`${PROVIDER}/credentials`, { path: { provider }, body: { name, secret: { api_key: secret } } as never }),
      onSuccess,
    }),
    setDisabled: useMutation({
      mutationFn: ({ credential, disabled }: { credential: Credential; disabled: boolean }) =>
        api.patch(CREDENTIAL, {
          path: { credential_id: credential.id ?? '' },
          body: { disabled } as never,
          ...(credential.version === null ? {} : { version: credential.version }),
        }),
      onSuccess,
    }),
  };
}

export function useSetEndpoint() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: components['schemas']['EndpointSet']) => api.put('/api/v1/admin/endpoints', { body }),
    onSuccess: () => client.invalidateQueries({ queryKey: ['admin', 'endpoints'] }),
  });
}
