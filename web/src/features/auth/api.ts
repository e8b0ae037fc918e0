import { queryOptions, useMutation, useQuery } from '@tanstack/react-query';

import { api } from '~/api/client';
import { provePasskey } from '~/api/webauthn';

export const optionsQuery = queryOptions({
  queryKey: ['auth', 'options'],
  staleTime: 300_000,
  queryFn: ({ signal }) => api.get('/api/v1/auth/options', { signal }),
});

export const useOptions = () => useQuery(optionsQuery);

export const useSignIn = () =>
  useMutation({
    mutationFn: (body: { email: string; password: string }) => api.post('/api/v1/auth/sign-in', { body }),
  });

export const useSecondFactor = () =>
  useMutation({
    mutationFn: (code: string) => api.post('/api/v1/auth/sign-in/totp', { body: { code } }),
  });

export const usePasskeySignIn = () =>
  useMutation({
    mutationFn: async () => {
      const options = await api.post('/api/v1/auth/passkeys/options');
      const credential = await provePasskey(options);
      return api.post('/api/v1/auth/passkeys/sign-in', { body: { credential } });
    },
  });
