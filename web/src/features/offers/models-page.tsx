import { Badge, Button } from '@mantine/core';
import { useState } from 'react';

import { useWords } from '~/i18n/use-words';
import { usePlatform } from '~/session/me';
import { When } from '~/ui/amounts';
import type { Column } from '~/ui/data-table';
import { TwoLines } from '~/ui/facts';
import { IconBox, IconPlus } from '~/ui/icons';
import kit from '~/ui/kit.module.css';
import { ListPanel } from '~/ui/list-panel';
import { Page } from '~/ui/page';

import { type DeskModel, useDeskModels } from './api';
import { EndingsPanel } from './endings-panel';
import { ModelSheet } from './model-sheet';

const STATES = ['draft', 'published', 'replaced', 'withdrawn'] as const;
const COLOURS: Record<string, string> = { draft: 'orange', published: 'brand' };

export function StateBadge({ state }: { state: string }) {
  const { t } = useWords();
  const known = STATES.find((each) => each === state);
  return (
    <Badge variant="light" tt="none" color={COLOURS[state] ?? 'gray'}>
      {known === undefined ? state : t(`offers:state.${known}`)}
    </Badge>
  );
}

/** Models that the desk adds: a draft serves nobody, is tried, and is then published. */
export function OffersPage() {
  const { t } = useWords();
  const may = usePlatform()('catalogue.write');
  const models = useDeskModels();
  const [open, setOpen] = useState<string | null>(null);
  const shown = models.data?.find((row) => row.id === open) ?? null;
  const columns: Column<DeskModel>[] = [
    {
      id: 'model',
      name: t('offers:column.model'),
      cell: (row) => (
        <button type="button" className={kit.rowLink} onClick={() => setOpen(row.id)}>
          {row.model_id}
        </button>
      ),
    },
    { id: 'state', name: t('offers:column.state'), cell: (row) => <StateBadge state={row.state} /> },
    {
      id: 'smoke',
      name: t('offers:column.smoke'),
      cell: (row) =>
        row.smoke == null ? (
          '–'
        ) : (
          <TwoLines
            first={t('offers:smoked', { good: row.smoke.endpoints.filter((each) => each.result.ok).length, all: row.smoke.endpoints.length })}
            second={<When ns={row.smoke.at_ns} />}
          />
        ),
    },
    { id: 'made', name: t('offers:column.made'), cell: (row) => <When ns={row.created_at_ns} /> },
    { id: 'published', name: t('offers:column.published'), cell: (row) => <When ns={row.published_at_ns} /> },
  ];
  return (
    <Page
      title={t('offers:title')}
      lead={t('offers:lead')}
      actions={
        may && (
          <Button leftSection={<IconPlus size={16} />} onClick={() => setOpen('new')}>
            {t('offers:new')}
          </Button>
        )
      }
    >
      <ListPanel
        title={t('offers:drafts')}
        list={models}
        columns={columns}
        rowId={(row) => row.id}
        icon={<IconBox />}
        empty={t('offers:empty')}
        emptyText={t('offers:emptyText')}
      />
      <EndingsPanel />
      {(open === 'new' || shown !== null) && <ModelSheet key={open} row={shown} onClose={() => setOpen(null)} onMade={setOpen} />}
    </Page>
  );
}
