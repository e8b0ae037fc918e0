import { Button } from '@mantine/core';
import { useState } from 'react';

import { useWords } from '~/i18n/use-words';
import { When } from '~/ui/amounts';
import { CodeBlock } from '~/ui/copy';
import { type Column, DataTable } from '~/ui/data-table';
import { Dialog } from '~/ui/dialog';
import { Facts, Sections, TwoLines } from '~/ui/facts';
import { IconClipboardList } from '~/ui/icons';
import { Panel } from '~/ui/page';
import { Empty, Loaded } from '~/ui/states';

import { type Deed, useAudit } from './api';

interface AuditPanelProps {
  teamId?: string;
  /** Names of people, which are another slice's to know. */
  nameOf: (userId: string) => string;
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The operator's socket has no address. */
const address = (deed: Deed): string => (deed.actor.ip === 'unknown' ? '' : text(deed.actor.ip));

/** What was done, by whom, from where; newest first, and nobody can change it. */
export function AuditPanel({ teamId, nameOf }: AuditPanelProps) {
  const { t } = useWords();
  const audit = useAudit(teamId);
  const [open, setOpen] = useState<Deed | null>(null);
  const who = (deed: Deed) => {
    const { actor } = deed;
    const id = text(actor.user_id) || text(actor.key_id);
    return id === '' ? text(actor.kind) : nameOf(id);
  };
  const columns: Column<Deed>[] = [
    { id: 'action', name: t('audit:column.action'), cell: (deed) => <TwoLines first={<code>{deed.action}</code>} second={deed.object_id ?? ''} /> },
    { id: 'who', name: t('audit:column.who'), cell: (deed) => <TwoLines first={who(deed)} second={address(deed)} /> },
    { id: 'at', name: t('audit:column.at'), cell: (deed) => <When ns={deed.at_ns} /> },
    {
      id: 'more',
      name: t('audit:column.more'),
      end: true,
      cell: (deed) => (
        <Button variant="subtle" size="compact-sm" onClick={() => setOpen(deed)} aria-label={t('audit:showOf', { action: deed.action })}>
          {t('audit:show')}
        </Button>
      ),
    },
  ];
  return (
    <Panel flush>
      <Loaded query={audit} rows={6}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty icon={<IconClipboardList />} title={t('audit:empty')} text={t('audit:emptyText')} />
          ) : (
            <DataTable
              caption={t('audit:title')}
              columns={columns}
              rows={rows}
              rowId={(deed) => String(deed.seq)}
              more={audit.hasNextPage ? { load: () => void audit.fetchNextPage(), loading: audit.isFetchingNextPage } : undefined}
            />
          )
        }
      </Loaded>
      {open !== null && <One deed={open} who={who(open)} onClose={() => setOpen(null)} />}
    </Panel>
  );
}

function One({ deed, who, onClose }: { deed: Deed; who: string; onClose: () => void }) {
  const { t } = useWords();
  return (
    <Dialog onClose={onClose} title={deed.action} size="lg">
      <Sections>
        <Facts
          rows={[
            [t('audit:column.who'), who],
            [t('audit:fact.from'), address(deed) || '–'],
            [t('audit:column.at'), <When key="w" ns={deed.at_ns} />],
            [t('audit:fact.object'), deed.object_id ?? '–'],
            [t('audit:fact.reason'), deed.reason ?? '–'],
            [t('audit:fact.number'), deed.seq],
            [t('audit:fact.hash'), <code key="h">{deed.hash.slice(0, 16)}</code>],
          ]}
        />
        {deed.before != null && <CodeBlock label={t('audit:fact.before')} code={JSON.stringify(deed.before, null, 2)} />}
        {deed.after != null && <CodeBlock label={t('audit:fact.after')} code={JSON.stringify(deed.after, null, 2)} />}
      </Sections>
    </Dialog>
  );
}
