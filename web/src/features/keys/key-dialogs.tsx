import { Button, Group, Select, Stack, Text } from '@mantine/core';
import { useState } from 'react';

import { useWords } from '~/i18n/use-words';
import { useTeam } from '~/session/me';
import { Confirm } from '~/ui/confirm';
import { Dialog } from '~/ui/dialog';
import { FormError } from '~/ui/form-error';
import { useNotices } from '~/ui/notices';

import { type Issued, type Key, useEditKey, useRevokeKey, useRotateKey } from './api';

export interface Asked {
  what: 'rotate' | 'disable' | 'enable' | 'revoke';
  key: Key;
}

interface DialogProps {
  asked: Asked;
  onIssued: (issued: Issued, name: string) => void;
  onClose: () => void;
}

/** What a key's menu asks before it is done, with its consequence named. */
export function KeyDialogs({ asked, onIssued, onClose }: DialogProps) {
  const { t } = useWords();
  const team = useTeam();
  const notices = useNotices();
  const edit = useEditKey(team.id);
  const revoke = useRevokeKey(team.id);
  const { what, key } = asked;
  if (what === 'rotate') return <Rotate rotated={key} onIssued={onIssued} onClose={onClose} />;
  const done = (text: string) => () => {
    notices.done(text);
    onClose();
  };
  if (what === 'revoke') {
    return (
      <Confirm
        title={t('keys:revoke.title', { name: key.name })}
        consequence={t('keys:revoke.consequence')}
        action={t('keys:action.revoke')}
        word={key.name}
        busy={revoke.isPending}
        error={revoke.error}
        onConfirm={() => revoke.mutate(key, { onSuccess: done(t('keys:revoke.done', { name: key.name })) })}
        onClose={onClose}
      />
    );
  }
  const disabled = what === 'disable';
  return (
    <Confirm
      title={disabled ? t('keys:disable.title', { name: key.name }) : t('keys:enable.title', { name: key.name })}
      consequence={disabled ? t('keys:disable.consequence') : t('keys:enable.consequence')}
      action={disabled ? t('keys:action.disable') : t('keys:action.enable')}
      mild={!disabled}
      busy={edit.isPending}
      error={edit.error}
      onConfirm={() =>
        edit.mutate(
          { key, change: { disabled } },
          { onSuccess: done(disabled ? t('keys:disable.done', { name: key.name }) : t('keys:enable.done', { name: key.name })) },
        )
      }
      onClose={onClose}
    />
  );
}

const OVERLAPS_S = { none: 0, hour: 3_600, day: 86_400, week: 604_800 } as const;
type Overlap = keyof typeof OVERLAPS_S;

function Rotate({ rotated, onIssued, onClose }: { rotated: Key } & Omit<DialogProps, 'asked'>) {
  const { t } = useWords();
  const team = useTeam();
  const rotate = useRotateKey(team.id);
  const [overlap, setOverlap] = useState<Overlap>('day');
  const submit = () =>
    rotate.mutate(
      { key: rotated, overlapS: OVERLAPS_S[overlap] },
      { onSuccess: (issued) => onIssued(issued, rotated.name) },
    );
  return (
    <Dialog
      onClose={onClose}
      title={t('keys:rotate.title', { name: rotated.name })}
    >
      <Stack>
        <Text size="sm">{t('keys:rotate.consequence')}</Text>
        <Select
          label={t('keys:rotate.overlap')}
          allowDeselect={false}
          value={overlap}
          onChange={(value) => setOverlap((value ?? 'day') as Overlap)}
          data={(Object.keys(OVERLAPS_S) as Overlap[]).map((value) => ({ value, label: t(`keys:overlap.${value}`) }))}
        />
        <FormError error={rotate.error} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t('app:action.cancel')}
          </Button>
          <Button onClick={submit} loading={rotate.isPending}>
            {t('keys:action.rotate')}
          </Button>
        </Group>
      </Stack>
    </Dialog>
  );
}
