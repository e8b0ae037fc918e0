import { Button, Group, Stack } from '@mantine/core';
import { useForm } from '@mantine/form';

import { useWords } from '~/i18n/use-words';
import { parseMoney } from '~/i18n/money';
import { useTeam } from '~/session/me';
import { SideSheet } from '~/ui/dialog';
import { FormError } from '~/ui/form-error';

import { type Issued, type Key, useCreateKey, useEditKey } from './api';
import css from './keys.module.css';
import { KeyFields } from './key-fields';
import { EMPTY, isCount, isPair, type KeyValues, limitsOf, valuesOf } from './key-values';

interface KeyDrawerProps {
  /** The key to edit; none to make one. */
  edited: Key | null;
  onIssued: (issued: Issued, name: string) => void;
  onSaved: (name: string) => void;
  onClose: () => void;
}

export function KeyDrawer({ edited, onIssued, onSaved, onClose }: KeyDrawerProps) {
  const { t } = useWords();
  const team = useTeam();
  const create = useCreateKey(team.id);
  const edit = useEditKey(team.id);
  const count = (value: string) => (isCount(value) ? null : t('keys:error.count'));
  const form = useForm<KeyValues>({
    initialValues: edited === null ? EMPTY : valuesOf(edited),
    validateInputOnBlur: true,
    validate: {
      name: (value) => (value.trim() === '' ? t('keys:error.name') : null),
      limit: (value) => (value.trim() === '' || parseMoney(value) !== null ? null : t('keys:error.money')),
      expiryDate: (value, all) => (all.expiry === 'date' && value === '' ? t('keys:error.date') : null),
      rpm: count,
      tpm: count,
      concurrency: count,
      metadata: (value) => (value.every(isPair) ? null : t('keys:error.pair')),
    },
  });
  const submit = form.onSubmit((values) => {
    const name = values.name.trim();
    if (edited === null) {
      create.mutate(
        { name, kind: values.management ? 'management' : 'inference', ...limitsOf(values) },
        { onSuccess: (issued) => onIssued(issued, name) },
      );
    } else {
      edit.mutate({ key: edited, change: { name, ...limitsOf(values) } }, { onSuccess: () => onSaved(name) });
    }
  });
  return (
    <SideSheet
      onClose={onClose}
      title={edited === null ? t('keys:create.title') : t('keys:edit.title', { name: edited.name })}
      classNames={{ content: css.drawer ?? '', body: css.drawerBody ?? '' }}
    >
      <form onSubmit={submit} className={css.form} noValidate>
        <div className={css.fields}>
          <KeyFields form={form} isNew={edited === null} />
        </div>
        <Stack className={css.formFoot} gap="sm">
          <FormError error={create.error ?? edit.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t('app:action.cancel')}
            </Button>
            <Button type="submit" loading={create.isPending || edit.isPending}>
              {edited === null ? t('keys:create.action') : t('app:action.save')}
            </Button>
          </Group>
        </Stack>
      </form>
    </SideSheet>
  );
}
