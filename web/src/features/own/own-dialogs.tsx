import { Button, Group, PasswordInput, SegmentedControl, Stack, Text, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';

import { useWords } from '~/i18n/use-words';
import { useTeam } from '~/session/me';
import { Dialog } from '~/ui/dialog';
import { FormError } from '~/ui/form-error';
import { useNotices } from '~/ui/notices';

import { type Own, useOwnDeeds } from './api';

function Secret({ value, onChange }: { value: string; onChange: (typed: string) => void }) {
  const { t } = useWords();
  return (
    <PasswordInput
      label={t('own:secret')}
      autoComplete="off"
      value={value}
      visibilityToggleButtonProps={{ 'aria-label': t('own:show') }}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}

/** It is tried at the provider before it is kept. */
export function AddOwn({ onClose }: { onClose: () => void }) {
  const { t } = useWords();
  const team = useTeam();
  const notices = useNotices();
  const { add } = useOwnDeeds(team.id);
  const [provider, setProvider] = useState('');
  const [name, setName] = useState('');
  const [secret, setSecret] = useState('');
  const [first, setFirst] = useState('first');
  const ready = provider.trim() !== '' && name.trim() !== '' && secret !== '';
  const submit = (event: FormEvent) => {
    event.preventDefault();
    add.mutate(
      { provider: provider.trim(), name: name.trim(), secret, preferred: first === 'first' },
      {
        onSuccess: () => {
          notices.done(t('own:added'));
          onClose();
        },
      },
    );
  };
  return (
    <Dialog onClose={onClose} title={t('own:add')}>
      <form onSubmit={submit}>
        <Stack>
          <TextInput label={t('own:column.provider')} placeholder="openai" data-autofocus value={provider} onChange={(event) => setProvider(event.currentTarget.value)} />
          <TextInput label={t('own:column.name')} maxLength={80} value={name} onChange={(event) => setName(event.currentTarget.value)} />
          <Secret value={secret} onChange={setSecret} />
          <SegmentedControl
            aria-label={t('own:order')}
            value={first}
            onChange={setFirst}
            data={[
              { value: 'first', label: t('own:first') },
              { value: 'last', label: t('own:fallback') },
            ]}
          />
          <Text size="sm" c="dimmed">
            {t('own:addText')}
          </Text>
          <FormError error={add.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t('app:action.cancel')}
            </Button>
            <Button type="submit" disabled={!ready} loading={add.isPending}>
              {t('own:addAction')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}

export function RotateOwn({ row, onClose }: { row: Own; onClose: () => void }) {
  const { t } = useWords();
  const team = useTeam();
  const notices = useNotices();
  const { rotate } = useOwnDeeds(team.id);
  const [secret, setSecret] = useState('');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    rotate.mutate(
      { row, secret },
      {
        onSuccess: () => {
          notices.done(t('own:rotated'));
          onClose();
        },
      },
    );
  };
  return (
    <Dialog onClose={onClose} title={t('own:rotateTitle', { name: row.name })}>
      <form onSubmit={submit}>
        <Stack>
          <Text size="sm">{t('own:rotateText')}</Text>
          <Secret value={secret} onChange={setSecret} />
          <FormError error={rotate.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t('app:action.cancel')}
            </Button>
            <Button type="submit" disabled={secret === ''} loading={rotate.isPending}>
              {t('own:rotate')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}
