import { Button, Group, SegmentedControl, Stack, Textarea, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';

import { LANGUAGES } from '~/i18n/languages';
import { dateOf, nsOf } from '~/i18n/time';
import { useWords } from '~/i18n/use-words';
import { SideSheet } from '~/ui/dialog';
import { FormError } from '~/ui/form-error';
import { useNotices } from '~/ui/notices';

import { type Announcement, useAnnouncementDeeds, type Wanted } from './api';

export const LEVELS = ['info', 'warning', 'critical'] as const;
type Level = (typeof LEVELS)[number];
type Texts = Record<keyof typeof LANGUAGES, string>;

/** As `<input type="datetime-local">` has it, where the reader is. */
function local(ns: number | null): string {
  if (ns === null || ns === 0) return '';
  const date = dateOf(ns);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export function AnnouncementForm({ row, onClose }: { row: Announcement | null; onClose: () => void }) {
  const { t } = useWords();
  const notices = useNotices();
  const { save } = useAnnouncementDeeds();
  const [level, setLevel] = useState<Level>(LEVELS.find((each) => each === row?.level) ?? 'info');
  const [texts, setTexts] = useState<Texts>({ en: row?.texts.en ?? '', ko: row?.texts.ko ?? '', ja: row?.texts.ja ?? '' });
  const [link, setLink] = useState(row?.link ?? '');
  const [from, setFrom] = useState(local(row?.starts_at_ns ?? null));
  const [until, setUntil] = useState(local(row?.ends_at_ns ?? null));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const said = Object.fromEntries(Object.entries(texts).filter(([, text]) => text.trim() !== ''));
    const body: Wanted = {
      level,
      texts: said,
      link: link.trim() === '' ? null : link.trim(),
      starts_at_ns: from === '' ? 0 : nsOf(new Date(from)),
      ends_at_ns: until === '' ? null : nsOf(new Date(until)),
    };
    save.mutate(
      { row, body },
      {
        onSuccess: () => {
          notices.done(t('announcements:done'));
          onClose();
        },
      },
    );
  };
  return (
    <SideSheet onClose={onClose} title={row === null ? t('announcements:new') : t('announcements:edit')}>
      <form onSubmit={submit}>
        <Stack>
          <SegmentedControl
            aria-label={t('announcements:column.level')}
            value={level}
            onChange={(value) => setLevel(LEVELS.find((each) => each === value) ?? 'info')}
            data={LEVELS.map((value) => ({ value, label: t(`announcements:level.${value}`) }))}
          />
          {(Object.keys(LANGUAGES) as (keyof typeof LANGUAGES)[]).map((language) => (
            <Textarea
              key={language}
              label={LANGUAGES[language]}
              description={language === 'en' ? t('announcements:english') : undefined}
              autosize
              minRows={2}
              maxLength={500}
              lang={language}
              value={texts[language]}
              onChange={(event) => setTexts({ ...texts, [language]: event.currentTarget.value })}
            />
          ))}
          <TextInput label={t('announcements:link')} placeholder="/docs/" value={link} onChange={(event) => setLink(event.currentTarget.value)} />
          <Group grow align="flex-start">
            <TextInput type="datetime-local" label={t('announcements:column.from')} description={t('announcements:now')} value={from} onChange={(event) => setFrom(event.currentTarget.value)} />
            <TextInput type="datetime-local" label={t('announcements:column.until')} description={t('announcements:never')} value={until} onChange={(event) => setUntil(event.currentTarget.value)} />
          </Group>
          <FormError error={save.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t('app:action.cancel')}
            </Button>
            <Button type="submit" loading={save.isPending} disabled={texts.en.trim() === ''}>
              {row === null ? t('announcements:publish') : t('app:action.save')}
            </Button>
          </Group>
        </Stack>
      </form>
    </SideSheet>
  );
}
