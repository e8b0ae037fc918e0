import { Button, PasswordInput, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';

import { useWords } from '~/i18n/use-words';
import { api } from '~/api/client';
import { currentLanguage } from '~/i18n';
import { useForget } from '~/session/me';
import { FormError } from '~/ui/form-error';
import { IconMailCheck } from '~/ui/icons';
import { TextLink } from '~/ui/link';
import { Empty } from '~/ui/states';

import { useOptions } from './api';
import { FormHead } from './form-head';
import { forgetInvitation, useMailToken } from './mail-token';

const SHORTEST_PASSWORD = 12;

/** With an invitation's token the new person is in its team at once. */
export function SignUpPage() {
  const { t } = useWords();
  const token = useMailToken();
  const navigate = useNavigate();
  const forget = useForget();
  const { data: offered } = useOptions();
  const form = useForm({
    initialValues: { name: '', email: '', password: '' },
    validate: {
      password: (value) =>
        value.length < SHORTEST_PASSWORD ? t('auth:field.tooShort', { count: SHORTEST_PASSWORD }) : null,
    },
  });
  const signUp = useMutation({
    mutationFn: (values: typeof form.values) =>
      api.post('/api/v1/auth/sign-up', {
        body: { ...values, locale: currentLanguage(), invitation: token ?? null },
      }),
    onSuccess: async (answer) => {
      if (answer.status !== 'signed_in') return;
      forgetInvitation();
      await forget();
      await navigate({ to: '/', replace: true });
    },
  });
  if (signUp.data?.status === 'check_mail') {
    return (
      <Empty
        alone
        icon={<IconMailCheck />}
        title={t('auth:signUp.sent')}
        text={t('auth:signUp.sentText', { email: form.values.email })}
      />
    );
  }
  const closed = offered?.sign_up === 'invite' && token === undefined;
  if (closed) {
    return <FormHead title={t('auth:signUp.title')} lead={t('auth:signIn.inviteOnly')} />;
  }
  return (
    <>
      <FormHead title={t('auth:signUp.title')} lead={token === undefined ? t('auth:signUp.lead') : t('auth:signUp.invited')} />
      <form onSubmit={form.onSubmit((values) => signUp.mutate(values))}>
        <Stack gap="sm">
          <TextInput
            label={t('auth:field.name')}
            required
            withAsterisk={false}
            autoComplete="name"
            maxLength={80}
            {...form.getInputProps('name')}
          />
          <TextInput
            label={t('auth:field.email')}
            type="email"
            required
            withAsterisk={false}
            autoComplete="email"
            {...form.getInputProps('email')}
          />
          <PasswordInput
            label={t('auth:field.password')}
            description={t('auth:field.passwordRule', { count: SHORTEST_PASSWORD })}
            required
            withAsterisk={false}
            autoComplete="new-password"
            visibilityToggleButtonProps={{ 'aria-label': t('auth:field.show') }}
            {...form.getInputProps('password')}
          />
          <FormError error={signUp.error} />
          <Button type="submit" size="md" mt={4} loading={signUp.isPending}>
            {t('auth:signUp.action')}
          </Button>
        </Stack>
      </form>
      <Text size="sm" c="dimmed" ta="center" mt="xl">
        {t('auth:signUp.known')}{' '}
        <TextLink to="/sign-in" inherit underline="always">
          {t('auth:signIn.action')}
        </TextLink>
      </Text>
    </>
  );
}
