import { Button, Group, PasswordInput, Stack, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';

import { api } from '~/api/client';
import { passkeysWork, provePasskey } from '~/api/webauthn';
import { useWords } from '~/i18n/use-words';
import { Dialog } from '~/ui/dialog';
import { FormError } from '~/ui/form-error';
import { IconFingerprint } from '~/ui/icons';

import { meQuery } from './me';

type Proof = { password: string } | { code: string } | { credential: Record<string, unknown> };

/** Whoever has a second factor gives that one, not the password. */
export function StepUp({ onDone, onClose }: { onDone: () => void; onClose: () => void }) {
  const { t } = useWords();
  const { data: me } = useQuery({ ...meQuery, enabled: false });
  const factors = me?.user.factors ?? [];
  const byCode = factors.includes('totp') || factors.includes('recovery_code');
  const [typed, setTyped] = useState('');
  const prove = useMutation({
    mutationFn: (body: Proof) => api.post('/api/v1/me/step-up', { body }),
    onSuccess: onDone,
  });
  const passkey = useMutation({
    mutationFn: async () => {
      const options = await api.post('/api/v1/me/step-up/options');
      return prove.mutateAsync({ credential: await provePasskey(options) });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    event.stopPropagation(); // it may be within another form's dialogue
    prove.mutate(byCode ? { code: typed.replaceAll(' ', '') } : { password: typed });
  };
  return (
    <Dialog
      onClose={onClose}
      zIndex={400}
      title={t('app:stepUp.title')}
    >
      <form onSubmit={submit}>
        <Stack>
          <Text size="sm">{t('app:stepUp.lead')}</Text>
          {byCode ? (
            <TextInput
              label={t('app:stepUp.code')}
              inputMode="numeric"
              autoComplete="one-time-code"
              data-autofocus
              value={typed}
              onChange={(event) => setTyped(event.currentTarget.value)}
            />
          ) : (
            <PasswordInput
              label={t('app:stepUp.password')}
              autoComplete="current-password"
              data-autofocus
              value={typed}
              visibilityToggleButtonProps={{ 'aria-label': t('app:stepUp.show') }}
              onChange={(event) => setTyped(event.currentTarget.value)}
            />
          )}
          <FormError error={prove.error} />
          <Group justify="flex-end">
            {factors.includes('passkey') && passkeysWork() && (
              <Button
                variant="default"
                mr="auto"
                leftSection={<IconFingerprint size={16} />}
                loading={passkey.isPending}
                onClick={() => passkey.mutate()}
              >
                {t('app:stepUp.passkey')}
              </Button>
            )}
            <Button variant="default" onClick={onClose}>
              {t('app:action.cancel')}
            </Button>
            <Button type="submit" loading={prove.isPending} disabled={typed === ''}>
              {t('app:stepUp.action')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}
