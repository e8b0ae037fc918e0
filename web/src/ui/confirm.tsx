import { Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { type FormEvent, type ReactNode, useState } from 'react';

import { useWords } from '~/i18n/use-words';

import { Dialog } from './dialog';
import { FormError } from './form-error';

interface ConfirmProps {
  title: string;
  /** What follows from it, named. */
  consequence: ReactNode;
  action: string;
  /** What must be typed before it can be done; none: a press is enough. */
  word?: string | undefined;
  /** It takes nothing away. */
  mild?: boolean;
  busy: boolean;
  error: Error | null;
  onConfirm: () => void;
  onClose: () => void;
}

export function Confirm({ title, consequence, action, word, mild, busy, error, onConfirm, onClose }: ConfirmProps) {
  const { t } = useWords();
  const [typed, setTyped] = useState('');
  const ready = word === undefined || typed.trim() === word;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (ready) onConfirm();
  };
  return (
    <Dialog onClose={onClose} title={title}>
      <form onSubmit={submit}>
        <Stack>
          <Text size="sm">{consequence}</Text>
          {word !== undefined && (
            <TextInput
              label={t('app:confirm.type', { word })}
              value={typed}
              onChange={(event) => setTyped(event.currentTarget.value)}
              autoComplete="off"
              data-autofocus
            />
          )}
          <FormError error={error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t('app:action.cancel')}
            </Button>
            <Button type="submit" color={mild ? 'brand' : 'red.9'} disabled={!ready} loading={busy}>
              {action}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}
