import { Button, Group, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';

import { useWords } from '~/i18n/use-words';
import { api } from '~/api/client';
import { useForget } from '~/session/me';
import { FormError } from '~/ui/form-error';
import { Page, Panel } from '~/ui/page';

/** Whoever makes a team owns it. */
export function NewTeamPage() {
  const { t } = useWords();
  const navigate = useNavigate();
  const forget = useForget();
  const [name, setName] = useState('');
  const create = useMutation({
    mutationFn: () => api.post('/api/v1/teams', { body: { name: name.trim() } }),
    onSuccess: async (team) => {
      await forget();
      await navigate({ to: '/teams/$teamId', params: { teamId: team.id } });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate();
  };
  return (
    <Page title={t('home:team.title')} lead={t('home:team.lead')}>
      <Panel>
        <form onSubmit={submit}>
          <TextInput
            label={t('home:team.name')}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            maxLength={80}
            required
            withAsterisk={false}
            maw="26rem"
            mb="md"
          />
          <FormError error={create.error} />
          <Group mt="md">
            <Button type="submit" loading={create.isPending} disabled={name.trim() === ''}>
              {t('home:team.action')}
            </Button>
          </Group>
        </form>
      </Panel>
    </Page>
  );
}
