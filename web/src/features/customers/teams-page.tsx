import { Badge } from '@mantine/core';
import { useState } from 'react';

import { useWords } from '~/i18n/use-words';
import { When } from '~/ui/amounts';
import type { Column } from '~/ui/data-table';
import { TwoLines } from '~/ui/facts';
import { IconUsers } from '~/ui/icons';
import kit from '~/ui/kit.module.css';
import { ListPanel } from '~/ui/list-panel';
import { Page } from '~/ui/page';

import { type Team, useAllTeams } from './api';
import { TeamSheet } from './team-sheet';

export function TeamStatus({ status }: { status: string }) {
  const { t } = useWords();
  const known = (['active', 'frozen', 'deleted'] as const).find((each) => each === status);
  return (
    <Badge variant="light" color={status === 'active' ? 'brand' : status === 'frozen' ? 'orange' : 'gray'} tt="none">
      {known === undefined ? status : t(`customers:status.${known}`)}
    </Badge>
  );
}

export function TeamsPage() {
  const { t } = useWords();
  const teams = useAllTeams();
  const [open, setOpen] = useState<string | null>(null);
  const shown = teams.data?.find((team) => team.id === open);
  const columns: Column<Team>[] = [
    {
      id: 'name',
      name: t('customers:column.team'),
      cell: (team) => (
        <TwoLines
          first={
            <button type="button" className={kit.rowLink} onClick={() => setOpen(team.id)}>
              {team.name}
            </button>
          }
          second={team.id}
        />
      ),
    },
    { id: 'status', name: t('customers:column.status'), cell: (team) => <TeamStatus status={team.status} /> },
    { id: 'zone', name: t('customers:column.zone'), cell: (team) => team.zone },
    { id: 'since', name: t('customers:column.since'), cell: (team) => <When ns={team.created_at_ns} /> },
  ];
  return (
    <Page title={t('customers:teams.title')} lead={t('customers:teams.lead')}>
      <ListPanel
        untitled
        title={t('customers:teams.title')}
        list={teams}
        columns={columns}
        rowId={(team) => team.id}
        icon={<IconUsers />}
        empty={t('customers:teams.empty')}
        emptyText={t('customers:teams.emptyText')}
      />
      {shown !== undefined && <TeamSheet team={shown} onClose={() => setOpen(null)} />}
    </Page>
  );
}
