import { Badge, Button } from '@mantine/core';
import { useState } from 'react';

import { useWords } from '~/i18n/use-words';
import { When } from '~/ui/amounts';
import { Confirm } from '~/ui/confirm';
import { type Column, DataTable } from '~/ui/data-table';
import { TwoLines } from '~/ui/facts';
import { IconPlus, IconSpeakerphone } from '~/ui/icons';
import { Page, Panel } from '~/ui/page';
import { Empty, Loaded } from '~/ui/states';

import { type Announcement, useAllAnnouncements, useAnnouncementDeeds } from './api';
import { AnnouncementForm, LEVELS } from './announcement-form';

const COLOURS = { info: 'brand', warning: 'orange', critical: 'red' } as const;

function phaseOf(row: Announcement, now = Date.now()): 'coming' | 'shown' | 'over' {
  const ms = 1_000_000;
  if (row.starts_at_ns / ms > now) return 'coming';
  return row.ends_at_ns !== null && row.ends_at_ns / ms <= now ? 'over' : 'shown';
}

/** What everybody reads above every page, and on the page of signing in. */
export function EditorPage() {
  const { t, language } = useWords();
  const all = useAllAnnouncements();
  const { remove } = useAnnouncementDeeds();
  const [open, setOpen] = useState<Announcement | 'new' | null>(null);
  const [removed, setRemoved] = useState<Announcement | null>(null);
  const add = (
    <Button leftSection={<IconPlus size={16} />} onClick={() => setOpen('new')}>
      {t('announcements:new')}
    </Button>
  );
  const level = (row: Announcement) => LEVELS.find((each) => each === row.level) ?? 'info';
  const columns: Column<Announcement>[] = [
    {
      id: 'text',
      name: t('announcements:column.text'),
      cell: (row) => <TwoLines first={row.texts[language] ?? row.texts.en ?? ''} second={Object.keys(row.texts).join(' · ')} />,
    },
    {
      id: 'level',
      name: t('announcements:column.level'),
      cell: (row) => (
        <Badge variant="light" tt="none" color={COLOURS[level(row)]}>
          {t(`announcements:level.${level(row)}`)}
        </Badge>
      ),
    },
    { id: 'phase', name: t('announcements:column.phase'), cell: (row) => t(`announcements:phase.${phaseOf(row)}`) },
    { id: 'from', name: t('announcements:column.from'), cell: (row) => <When ns={row.starts_at_ns || row.created_at_ns} /> },
    { id: 'until', name: t('announcements:column.until'), cell: (row) => <When ns={row.ends_at_ns} none={t('announcements:open')} /> },
    {
      id: 'do',
      name: t('announcements:column.actions'),
      end: true,
      cell: (row) => (
        <>
          <Button variant="subtle" size="compact-sm" onClick={() => setOpen(row)}>
            {t('announcements:edit')}
          </Button>
          <Button variant="subtle" color="gray" size="compact-sm" onClick={() => setRemoved(row)}>
            {t('announcements:remove')}
          </Button>
        </>
      ),
    },
  ];
  return (
    <Page title={t('announcements:title')} lead={t('announcements:lead')} actions={(all.data?.length ?? 0) > 0 ? add : undefined}>
      <Panel flush>
        <Loaded query={all}>
          {(rows) =>
            rows.length === 0 ? (
              <Empty icon={<IconSpeakerphone />} title={t('announcements:empty')} text={t('announcements:emptyText')} action={add} />
            ) : (
              <DataTable caption={t('announcements:title')} columns={columns} rows={rows} rowId={(row) => row.id} />
            )
          }
        </Loaded>
      </Panel>
      {open !== null && <AnnouncementForm row={open === 'new' ? null : open} onClose={() => setOpen(null)} />}
      {removed !== null && (
        <Confirm
          title={t('announcements:removeTitle')}
          consequence={t('announcements:removeText')}
          action={t('announcements:remove')}
          busy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate(removed, { onSuccess: () => setRemoved(null) })}
          onClose={() => setRemoved(null)}
        />
      )}
    </Page>
  );
}
