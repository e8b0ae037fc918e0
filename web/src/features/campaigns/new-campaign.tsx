import { Button, Group, NumberInput, SimpleGrid, Stack, TagsInput, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';

import { nsOf } from '~/i18n/time';
import { useWords } from '~/i18n/use-words';
import { SideSheet } from '~/ui/dialog';
import { FormError } from '~/ui/form-error';

import { useCreateCampaign } from './api';

const AMOUNT = /^\d{1,9}(\.\d{1,9})?$/;
const LIMITS = ['max_redemptions', 'per_team', 'per_user', 'credit_days', 'new_team_days'] as const;

/** What its codes give, to whom, and until when. What is left empty is no limit. */
export function NewCampaignSheet({ onClose, onMade }: { onClose: () => void; onMade: (id: string) => void }) {
  const { t } = useWords();
  const create = useCreateCampaign();
  const form = useForm({
    initialValues: {
      name: '',
      usd: '',
      note: '',
      max_redemptions: '' as number | string,
      per_team: 1 as number | string,
      per_user: 1 as number | string,
      credit_days: '' as number | string,
      new_team_days: '' as number | string,
      ends: '',
      domains: [] as string[],
    },
    validate: { usd: (value) => (AMOUNT.test(value.trim()) ? null : t('campaigns:new.wrongAmount')) },
  });
  const submit = form.onSubmit(({ ends, usd, name, note, domains, ...limits }) => {
    const number = (value: number | string) => (typeof value === 'number' ? value : null);
    create.mutate(
      {
        name: name.trim(),
        usd: usd.trim(),
        note: note.trim(),
        domains,
        ends_at_ns: ends === '' ? null : nsOf(new Date(`${ends}T23:59:59`)),
        max_redemptions: number(limits.max_redemptions),
        per_team: number(limits.per_team),
        per_user: number(limits.per_user),
        credit_days: number(limits.credit_days),
        new_team_days: number(limits.new_team_days),
      },
      { onSuccess: (made) => onMade(made.id) },
    );
  });
  return (
    <SideSheet title={t('campaigns:new.title')} onClose={onClose}>
      <form onSubmit={submit}>
        <Stack>
          <TextInput label={t('campaigns:column.name')} maxLength={80} required withAsterisk={false} data-autofocus {...form.getInputProps('name')} />
          <TextInput label={t('campaigns:new.amount')} leftSection="$" inputMode="decimal" required withAsterisk={false} {...form.getInputProps('usd')} />
          <TextInput label={t('campaigns:new.note')} maxLength={500} {...form.getInputProps('note')} />
          <TextInput type="date" label={t('campaigns:column.ends')} {...form.getInputProps('ends')} />
          <SimpleGrid cols={{ base: 1, xs: 2 }}>
            {LIMITS.map((name) => (
              <NumberInput
                key={name}
                label={t(`campaigns:new.${name}`)}
                placeholder={t('campaigns:new.none')}
                min={1}
                allowDecimal={false}
                {...form.getInputProps(name)}
              />
            ))}
          </SimpleGrid>
          <TagsInput label={t('campaigns:new.domains')} description={t('campaigns:new.domainsNote')} {...form.getInputProps('domains')} />
          <FormError error={create.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t('app:action.cancel')}
            </Button>
            <Button type="submit" loading={create.isPending} disabled={form.values.name.trim() === ''}>
              {t('campaigns:new.action')}
            </Button>
          </Group>
        </Stack>
      </form>
    </SideSheet>
  );
}
