import { Button, Divider, PasswordInput, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useRouter, useSearch } from '@tanstack/react-router';
import { useState } from 'react';

import { useWords } from '~/i18n/use-words';
import { urlOf } from '~/api/client';
import { Problem } from '~/api/problem';
import { passkeysWork } from '~/api/webauthn';
import { useForget } from '~/session/me';
import { FormError } from '~/ui/form-error';
import { IconBuildingSkyscraper, IconFingerprint } from '~/ui/icons';
import { TextLink } from '~/ui/link';

import { useOptions, usePasskeySignIn, useSignIn } from './api';
import { FormHead } from './form-head';
import { SecondFactor } from './second-factor';

export function SignInPage() {
  const { t } = useWords();
  const { next, error: told } = useSearch({ from: '/guest/sign-in' });
  const router = useRouter();
  const forget = useForget();
  const [second, setSecond] = useState(false);
  const { data: offered } = useOptions();
  const signIn = useSignIn();
  const passkey = usePasskeySignIn();
  const form = useForm({ initialValues: { email: '', password: '' } });

  const enter = async () => {
    await forget();
    router.history.replace(next ?? '/'); // a path of ours with its query, as it was
  };
  const submit = form.onSubmit((values) =>
    signIn.mutate(values, {
      onSuccess: (answer) => {
        if (answer.status === 'second_factor') setSecond(true);
        else void enter();
      },
    }),
  );
  if (second) return <SecondFactor onDone={() => void enter()} onBack={() => setSecond(false)} />;
  const others = [offered?.oidc, offered?.passkeys && passkeysWork()].some(Boolean);
  return (
    <>
      <FormHead title={t('auth:signIn.title')} lead={t('auth:signIn.lead')} />
      <form onSubmit={submit}>
        <Stack gap="sm">
          <TextInput
            label={t('auth:field.email')}
            type="email"
            required
            withAsterisk={false}
            autoComplete="username webauthn"
            {...form.getInputProps('email')}
          />
          <PasswordInput
            label={t('auth:field.password')}
            required
            withAsterisk={false}
            autoComplete="current-password"
            visibilityToggleButtonProps={{ 'aria-label': t('auth:field.show') }}
            {...form.getInputProps('password')}
          />
          <FormError error={signIn.error ?? readable(passkey.error) ?? returned(told)} />
          <Button type="submit" size="md" mt={4} loading={signIn.isPending}>
            {t('auth:signIn.action')}
          </Button>
          {offered?.mail === true && (
            <TextLink to="/reset-password" size="sm" ta="center">
              {t('auth:signIn.forgot')}
            </TextLink>
          )}
        </Stack>
      </form>
      {others && (
        <Stack gap="sm" mt="lg">
          <Divider label={t('auth:signIn.or')} />
          {offered?.oidc && (
            <Button
              component="a"
              href={urlOf(offered.oidc.start_url, {}, { return_to: next })}
              variant="default"
              size="md"
              leftSection={<IconBuildingSkyscraper size={18} />}
            >
              {t('auth:signIn.oidc', { name: offered.oidc.name })}
            </Button>
          )}
          {offered?.passkeys && passkeysWork() && (
            <Button
              variant="default"
              size="md"
              loading={passkey.isPending}
              onClick={() => passkey.mutate(undefined, { onSuccess: () => void enter() })}
              leftSection={<IconFingerprint size={18} />}
            >
              {t('auth:signIn.passkey')}
            </Button>
          )}
        </Stack>
      )}
      {offered !== undefined && (
        <Text size="sm" c="dimmed" ta="center" mt="xl">
          {offered.sign_up === 'open' || offered.sign_up === 'domains' ? (
            <>
              {t('auth:signIn.new')}{' '}
              <TextLink to="/sign-up" inherit underline="always">
                {t('auth:signIn.toSignUp')}
              </TextLink>
            </>
          ) : (
            t('auth:signIn.inviteOnly')
          )}
        </Text>
      )}
    </>
  );
}

/** Why single sign-on sent the browser back here. */
function returned(code: string | undefined): Error | null {
  return code === undefined ? null : new Problem(403, code, code);
}

/** To cancel the browser's own dialogue is no fault worth a red box. */
function readable(error: Error | null): Error | null {
  return error instanceof DOMException ? null : error;
}
