import { Button, Group, Radio, Select, Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';

import { useWords } from '~/i18n/use-words';
import { wireAmount } from '~/api/client';
import { parseMoney } from '~/i18n/money';
import { useTeam } from '~/session/me';
import { Dialog } from '~/ui/dialog';
import { FormError } from '~/ui/form-error';
import { useNotices } from '~/ui/notices';

import { type NewBudget, useCreateBudget } from './api';

export interface Subjects {
  key: { id: string; name: string }[];
  member: { id: string; name: string }[];
}

const SCOPES = ['team', 'member', 'key'] as const;
const PERIODS = ['day', 'week', 'month', 'lifetime'] as const;

interface Values {
  scope: NewBudget['scope'];
  subject: string | null;
  period: NewBudget['period'];
  limit: string;
  mode: 'block' | 'alert';
}

export function BudgetModal({ subjects, onClose }: { subjects: Subjects; onClose: () => void }) {
  const { t } = useWords();
  const team = useTeam();
  const notices = useNotices();
  const create = useCreateBudget(team.id);
  const form = useForm<Values>({
    initialValues: { scope: 'team', subject: null, period: 'month', limit: '', mode: 'block' },
    validate: {
      limit: (value) => (parseMoney(value) === null ? t('budgets:error.money') : null),
      subject: (value, all) => (all.scope !== 'team' && value === null ? t('budgets:error.subject') : null),
    },
  });
  const { scope } = form.values;
  const submit = form.onSubmit((values) => {
    const limit = parseMoney(values.limit);
    if (limit === null) return;
    create.mutate(
      {
        scope: values.scope,
        subject_id: values.scope === 'team' ? null : values.subject,
        period: values.period,
        limit_nanos: wireAmount(limit),
        mode: values.mode,
      },
      {
        onSuccess: () => {
          notices.done(t('budgets:create.done'));
          onClose();
        },
      },
    );
  });
  return (
    <Dialog onClose={onClose} title={t('budgets:create.title')}>
      <form onSubmit={submit} noValidate>
        <Stack>
          <Select
            label={t('budgets:field.scope')}
            allowDeselect={false}
            data={SCOPES.map((value) => ({ value, label: t(`budgets:scope.${value}`) }))}
            value={scope}
            onChange={(value) => form.setValues({ scope: (value ?? 'team') as Values['scope'], subject: null })}
          />
          {scope !== 'team' && (
            <Select
              label={t(`budgets:scope.${scope}`)}
              searchable
              nothingFoundMessage={t('budgets:field.nothing')}
              data={subjects[scope].map(({ id, name }) => ({ value: id, label: name }))}
              {...form.getInputProps('subject')}
            />
          )}
          <Select
            label={t('budgets:field.period')}
            allowDeselect={false}
            data={PERIODS.map((value) => ({ value, label: t(`budgets:period.${value}`) }))}
            {...form.getInputProps('period')}
          />
          <TextInput
            label={t('budgets:field.limit')}
            leftSection="$"
            inputMode="decimal"
            required
            withAsterisk={false}
            {...form.getInputProps('limit')}
          />
          <Radio.Group label={t('budgets:field.mode')} {...form.getInputProps('mode')}>
            <Stack gap="xs" mt="xs">
              <Radio value="block" label={t('budgets:mode.block')} description={t('budgets:mode.blockHint')} />
              <Radio value="alert" label={t('budgets:mode.alert')} description={t('budgets:mode.alertHint')} />
            </Stack>
          </Radio.Group>
          <FormError error={create.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t('app:action.cancel')}
            </Button>
            <Button type="submit" loading={create.isPending}>
              {t('budgets:create.action')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}
