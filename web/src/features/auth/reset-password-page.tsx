import { Button, PasswordInput, Stack, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';

import { useWords } from '~/i18n/use-words';
import { api } from '~/api/client';
import { FormError } from '~/ui/form-error';
import { IconMailForward } from '~/ui/icons';
import { TextLink } from '~/ui/link';
import { useNotices } from '~/ui/notices';
import { Empty } from '~/ui/states';

import { FormHead } from './form-head';
import { useMailToken } from './mail-token';

/** Without a token: ask for the mail. With the mail's token: set the new password. */
export function ResetPasswordPage() {
  const token = useMailToken();
  return token === undefined ? <AskForMail /> : <NewPassword token={token} />;
}

function AskForMail() {
  const { t } = useWords();
  const [email, setEmail] = useState('');
  const ask = useMutation({
    mutationFn: () => api.post('/api/v1/auth/password-reset', { body: { email } }),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    ask.mutate();
  };
  if (ask.isSuccess) {
    return <Empty alone icon={<IconMailForward />} title={t('auth:reset.sent')} text={t('auth:reset.sentText', { email })} />;
  }
  return (
    <>
      <FormHead title={t('auth:reset.title')} lead={t('auth:reset.lead')} />
      <form onSubmit={submit}>
        <Stack gap="sm">
          <TextInput
            label={t('auth:field.email')}
            type="email"
            required
            withAsterisk={false}
            autoComplete="username"
            value={email}
            onChange={(event) => setEmail(event.currentTarget.value)}
          />
          <FormError error={ask.error} />
          <Button type="submit" size="md" loading={ask.isPending}>
            {t('auth:reset.action')}
          </Button>
          <TextLink to="/sign-in" size="sm" ta="center">
            {t('auth:second.back')}
          </TextLink>
        </Stack>
      </form>
    </>
  );
}

function NewPassword({ token }: { token: string }) {
  const { t } = useWords();
  const navigate = useNavigate();
  const notices = useNotices();
  const [password, setPassword] = useState('');
  const confirm = useMutation({
    mutationFn: () => api.post('/api/v1/auth/password-reset/confirm', { body: { token, password } }),
    onSuccess: async () => {
      notices.done(t('auth:reset.done'));
      await navigate({ to: '/sign-in', replace: true });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    confirm.mutate();
  };
  return (
    <>
      <FormHead title={t('auth:reset.newTitle')} lead={t('auth:reset.newLead')} />
      <form onSubmit={submit}>
        <Stack gap="sm">
          <PasswordInput
            label={t('auth:field.newPassword')}
            required
            withAsterisk={false}
            minLength={12}
            autoComplete="new-password"
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
            visibilityToggleButtonProps={{ 'aria-label': t('auth:field.show') }}
          />
          <FormError error={confirm.error} />
          <Button type="submit" size="md" loading={confirm.isPending}>
            {t('auth:reset.newAction')}
          </Button>
        </Stack>
      </form>
    </>
  );
}
