import { Button, Select, Textarea, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';

import { isLanguage, LANGUAGES } from '~/i18n/languages';
import { useWords } from '~/i18n/use-words';
import { useTeam } from '~/session/me';
import { FormError } from '~/ui/form-error';
import { useNotices } from '~/ui/notices';
import { Panel } from '~/ui/page';
import { Loaded } from '~/ui/states';

import { type Profile, useBillingDeeds, useProfile } from './api';
import css from './payments.module.css';

/** Whom invoices and receipts are made out to, from the next one on. */
export function ProfilePanel() {
  const { t } = useWords();
  const team = useTeam();
  const profile = useProfile(team.id);
  return (
    <Panel title={t('payments:profile.title')} note={t('payments:profile.note')}>
      <Loaded query={profile} rows={3}>
        {(now) => <Form key={now.version ?? 0} profile={now} />}
      </Loaded>
    </Panel>
  );
}

function Form({ profile }: { profile: Profile }) {
  const { t, language } = useWords();
  const team = useTeam();
  const notices = useNotices();
  const may = team.may('billing.topup');
  const { profile: save } = useBillingDeeds(team.id);
  const [name, setName] = useState(profile.name ?? '');
  const [email, setEmail] = useState(profile.email ?? '');
  const [number, setNumber] = useState(profile.registration_number ?? '');
  const [address, setAddress] = useState((profile.address ?? []).join('\n'));
  const [locale, setLocale] = useState<keyof typeof LANGUAGES>(isLanguage(profile.locale) ? profile.locale : language);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const lines = address.split('\n').map((line) => line.trim()).filter(Boolean);
    save.mutate(
      { name: name.trim(), email: email.trim(), registration_number: number.trim(), address: lines, locale, version: profile.version ?? 0 },
      { onSuccess: () => notices.done(t('payments:profile.done')) },
    );
  };
  return (
    <form onSubmit={submit} className={css.form}>
      <div className={css.two}>
        <TextInput label={t('payments:profile.name')} readOnly={!may} value={name} onChange={(event) => setName(event.currentTarget.value)} />
        <TextInput label={t('payments:profile.email')} type="email" readOnly={!may} value={email} onChange={(event) => setEmail(event.currentTarget.value)} />
        <TextInput label={t('payments:profile.number')} readOnly={!may} value={number} onChange={(event) => setNumber(event.currentTarget.value)} />
        <Select
          label={t('payments:profile.language')}
          data={Object.entries(LANGUAGES).map(([value, label]) => ({ value, label }))}
          value={locale}
          allowDeselect={false}
          readOnly={!may}
          onChange={(value) => {
            if (isLanguage(value)) setLocale(value);
          }}
        />
      </div>
      <Textarea label={t('payments:profile.address')} autosize minRows={2} maxRows={6} readOnly={!may} value={address} onChange={(event) => setAddress(event.currentTarget.value)} />
      <FormError error={save.error} />
      {may && (
        <div>
          <Button type="submit" variant="default" loading={save.isPending} disabled={name.trim() === ''}>
            {t('app:action.save')}
          </Button>
        </div>
      )}
    </form>
  );
}
