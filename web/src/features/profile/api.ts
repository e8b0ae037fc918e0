import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';

import { api } from '~/api/client';
import type { components } from '~/api/schema';
import { makePasskey } from '~/api/webauthn';
import { meQuery } from '~/session/me';

export type Device = components['schemas']['SessionView'];
export type Passkey = components['schemas']['PasskeyView'];

const SESSIONS = ['me', 'sessions'];
const PASSKEYS = ['me', 'passkeys'];

function useChange<Input, Result>(keys: (readonly string[])[], change: (input: Input) => Promise<Result>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: () => Promise.all(keys.map((queryKey) => client.invalidateQueries({ queryKey, exact: true }))),
  });
}

export const useSaveMe = () =>
  useChange([meQuery.queryKey], (body: { name?: string; locale?: 'en' | 'ko' | 'ja' }) =>
    api.patch('/api/v1/me', { body }),
  );

export const useChangePassword = () =>
  useChange([SESSIONS], (body: { current: string | null; password: string }) =>
    api.post('/api/v1/me/password', { body }),
  );

export const useBeginTotp = () => useMutation({ mutationFn: () => api.post('/api/v1/me/totp') });

export const useConfirmTotp = () =>
  useMutation({ mutationFn: (code: string) => api.post('/api/v1/me/totp/confirm', { body: { code } }) });

export const useDropTotp = () =>
  useMutation({ mutationFn: () => api.delete('/api/v1/me/totp') });

export const useRecoveryCodes = () =>
  useMutation({ mutationFn: () => api.post('/api/v1/me/recovery-codes') });

export const usePasskeys = () =>
  useQuery({
    queryKey: PASSKEYS,
    queryFn: ({ signal }) => api.get('/api/v1/me/passkeys', { signal }),
    select: (page) => page.data,
  });

export const useAddPasskey = () =>
  useChange([PASSKEYS, meQuery.queryKey], async (name: string) => {
    const options = await api.post('/api/v1/me/passkeys/options');
    const credential = await makePasskey(options);
    return api.post('/api/v1/me/passkeys', { body: { name, credential } });
  });

export const useDropPasskey = () =>
  useChange([PASSKEYS, meQuery.queryKey], (passkey: Passkey) =>
    api.delete('/api/v1/me/passkeys/{passkey_id}', { path: { passkey_id: passkey.id } }),
  );

export const useDevices = () =>
  useQuery({
    queryKey: SESSIONS,
    queryFn: ({ signal }) => api.get('/api/v1/me/sessions', { signal }),
    select: (page) => page.data,
  });

export const useEndSession = () =>
  useChange([SESSIONS], (device: Device) =>
    api.delete('/api/v1/me/sessions/{session_id}', { path: { session_id: device.id } }),
  );
