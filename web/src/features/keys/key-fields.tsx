import { SegmentedControl, Select, Switch, TagsInput, TextInput } from '@mantine/core';
import type { UseFormReturnType } from '@mantine/form';
import { type ReactNode, useId } from 'react';

import { useWords } from '~/i18n/use-words';
import { useTeam } from '~/session/me';

import css from './keys.module.css';
import { type KeyValues, localDay, NEVER, RESETS } from './key-values';

type Form = UseFormReturnType<KeyValues>;

export function KeyFields({ form, isNew }: { form: Form; isNew: boolean }) {
  const { t } = useWords();
  const team = useTeam();
  return (
    <>
      <Section title={t('keys:section.basics')}>
        <TextInput
          label={t('keys:field.name')}
          description={t('keys:field.nameHint')}
          required
          withAsterisk={false}
          maxLength={80}
          data-autofocus
          {...form.getInputProps('name')}
        />
        {isNew && team.may('management_keys.manage') && (
          <Switch
            label={t('keys:field.management')}
            description={t('keys:field.managementHint')}
            {...form.getInputProps('management', { type: 'checkbox' })}
          />
        )}
        <Expiry form={form} />
      </Section>
      {!form.values.management && (
        <>
          <Section title={t('keys:section.spending')} note={t('keys:section.spendingNote')}>
            <div className={css.pair}>
              <TextInput
                label={t('keys:field.limit')}
                placeholder={t('keys:field.none')}
                leftSection="$"
                rightSection={<span className={css.unit}>USD</span>}
                rightSectionWidth={48}
                inputMode="decimal"
                {...form.getInputProps('limit')}
              />
              <Select
                label={t('keys:field.reset')}
                allowDeselect={false}
                disabled={form.values.limit.trim() === ''}
                data={([NEVER, ...RESETS] as const).map((value) => ({ value, label: t(`keys:reset.${value}`) }))}
                {...form.getInputProps('reset')}
              />
            </div>
          </Section>
          <Section title={t('keys:section.rates')} note={t('keys:section.ratesNote')}>
            <div className={css.three}>
              <Count form={form} name="rpm" label={t('keys:field.rpm')} />
              <Count form={form} name="tpm" label={t('keys:field.tpm')} />
              <Count form={form} name="concurrency" label={t('keys:field.concurrency')} />
            </div>
          </Section>
          <Section title={t('keys:section.allowed')} note={t('keys:section.allowedNote')}>
            <Tags form={form} name="models" label={t('keys:field.models')} example="openai/gpt-5-mini" />
            <Tags form={form} name="providers" label={t('keys:field.providers')} example="openai" />
            <Tags form={form} name="ips" label={t('keys:field.ips')} example="203.0.113.0/24" />
          </Section>
          <Section title={t('keys:section.more')}>
            <Tags form={form} name="metadata" label={t('keys:field.metadata')} example="service=search" />
            <Switch
              label={t('keys:field.strict')}
              description={t('keys:field.strictHint')}
              {...form.getInputProps('strict', { type: 'checkbox' })}
            />
            {team.may('body_logging.write') && <BodyLogging form={form} />}
          </Section>
        </>
      )}
    </>
  );
}

function Section({ title, note, children }: { title: string; note?: string; children: ReactNode }) {
  return (
    <fieldset className={css.section}>
      <legend>{title}</legend>
      {note !== undefined && <p>{note}</p>}
      {children}
    </fieldset>
  );
}

function Expiry({ form }: { form: Form }) {
  const { t } = useWords();
  const choices = [NEVER, '7', '30', '90', 'date'] as const;
  return (
    <div className={css.pair}>
      <Select
        label={t('keys:field.expiry')}
        allowDeselect={false}
        data={choices.map((value) => ({ value, label: t(`keys:expiry.${value}`) }))}
        {...form.getInputProps('expiry')}
      />
      {form.values.expiry === 'date' && (
        <TextInput
          type="date"
          label={t('keys:field.expiryDate')}
          min={localDay(new Date())}
          {...form.getInputProps('expiryDate')}
        />
      )}
    </div>
  );
}

function Count({ form, name, label }: { form: Form; name: 'rpm' | 'tpm' | 'concurrency'; label: string }) {
  const { t } = useWords();
  return (
    <TextInput label={label} placeholder={t('keys:field.none')} inputMode="numeric" {...form.getInputProps(name)} />
  );
}

interface TagsProps {
  form: Form;
  name: 'models' | 'providers' | 'ips' | 'metadata';
  label: string;
  example: string;
}

function Tags({ form, name, label, example }: TagsProps) {
  const { t } = useWords();
  const empty = form.values[name].length === 0;
  return (
    <TagsInput
      label={label}
      placeholder={empty ? t('keys:field.example', { example }) : ''}
      splitChars={[',', ' ', '\n']}
      acceptValueOnBlur
      clearable
      clearButtonProps={{ 'aria-label': t('keys:field.clear', { field: label }) }}
      {...form.getInputProps(name)}
    />
  );
}

function BodyLogging({ form }: { form: Form }) {
  const { t } = useWords();
  const id = useId();
  return (
    <div>
      <span className={css.label} id={id}>
        {t('keys:field.bodyLogging')}
      </span>
      <p className={css.hint}>{t('keys:field.bodyLoggingHint')}</p>
      <SegmentedControl
        aria-labelledby={id}
        size="xs"
        data={(['team', 'on', 'off'] as const).map((value) => ({ value, label: t(`keys:logging.${value}`) }))}
        {...form.getInputProps('bodyLogging')}
      />
    </div>
  );
}
