import { Button, PasswordInput, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { type FormEvent, useState } from 'react';

import { useWords } from '~/i18n/use-words';
import { useMe } from '~/session/me';
import { FormError } from '~/ui/form-error';
import { useNotices } from '~/ui/notices';
import { Page, Panel } from '~/ui/page';
import { LanguageSelect } from '~/ui/preferences';

import { useChangePassword, useSaveMe } from './api';
import { DevicesPanel } from './devices-panel';
import { PasskeysPanel } from './passkeys-panel';
import css from './profile.module.css';
import { TotpPanel } from './totp-panel';

export function ProfilePage() {
  const { t } = useWords();
  const { user } = useMe();
  return (
    <Page title={t('profile:title')} lead={user.email}>
      <PersonPanel />
      <PasswordPanel />
      <TotpPanel />
      <PasskeysPanel />
      <DevicesPanel />
    </Page>
  );
}

function PersonPanel() {
  const { t } = useWords();
  const { user } = useMe();
  const notices = useNotices();
  const save = useSaveMe();
  const [name, setName] = useState(user.name);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate({ name: name.trim() }, { onSuccess: () => notices.done(t('profile:person.saved')) });
  };
  return (
    <Panel title={t('profile:person.title')}>
      <form onSubmit={submit} className={css.form}>
        <TextInput
          label={t('profile:person.name')}
          value={name}
          maxLength={80}
          autoComplete="name"
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <LanguageSelect
          label={t('profile:person.language')}
          onChosen={(locale) => save.mutate({ locale }, { onError: notices.failed })}
        />
        <FormError error={save.error} />
        <div>
          <Button type="submit" loading={save.isPending} disabled={name.trim() === '' || name === user.name}>
            {t('app:action.save')}
          </Button>
        </div>
      </form>
    </Panel>
  );
}

function PasswordPanel() {
  const { t } = useWords();
  const notices = useNotices();
  const { user } = useMe();
  const change = useChangePassword();
  const form = useForm({
    initialValues: { current: '', password: '' },
    validate: { password: (value) => (value.length < 12 ? t('auth:field.tooShort', { count: 12 }) : null) },
  });
  const submit = form.onSubmit((values) =>
    change.mutate({ ...values, current: user.has_password ? values.current : null }, {
      onSuccess: () => {
        notices.done(t('profile:password.done'));
        form.reset();
      },
    }),
  );
  return (
    <Panel title={t('profile:password.title')} note={t('profile:password.note')}>
      <form onSubmit={submit} className={css.form} noValidate>
        {user.has_password && (
          <PasswordInput
            label={t('profile:password.current')}
            autoComplete="current-password"
            visibilityToggleButtonProps={{ 'aria-label': t('auth:field.show') }}
            {...form.getInputProps('current')}
          />
        )}
        <PasswordInput
          label={t('auth:field.newPassword')}
          description={t('auth:field.passwordRule', { count: 12 })}
          autoComplete="new-password"
          visibilityToggleButtonProps={{ 'aria-label': t('auth:field.show') }}
          {...form.getInputProps('password')}
        />
        <FormError error={change.error} />
        <div>
          <Button type="submit" loading={change.isPending} disabled={form.values.password === ''}>
            {t('profile:password.action')}
          </Button>
        </div>
      </form>
    </Panel>
  );
}
