import { Badge, Button } from '@mantine/core';

import { useWords } from '~/i18n/use-words';
import { useMe, usePlatform } from '~/session/me';
import { When } from '~/ui/amounts';
import type { Column } from '~/ui/data-table';
import { TwoLines } from '~/ui/facts';
import { IconCircleCheck } from '~/ui/icons';
import { ListPanel } from '~/ui/list-panel';
import { useNotices } from '~/ui/notices';
import { Page } from '~/ui/page';

import { type Approval, useApprovals, useDecide } from './api';

/** Large bookings need a second person. */
export function ApprovalsPage() {
  const { t } = useWords();
  const me = useMe();
  const may = usePlatform()('approvals.decide');
  const notices = useNotices();
  const approvals = useApprovals();
  const decide = useDecide();
  const answer = (row: Approval, approved: boolean) =>
    decide.mutate({ id: row.id, approved }, { onSuccess: () => notices.done(t('approvals:done')), onError: notices.failed });
  const columns: Column<Approval>[] = [
    { id: 'what', name: t('approvals:column.what'), cell: (row) => <TwoLines first={`${row.kind} $${row.usd}`} second={row.reason} /> },
    { id: 'team', name: t('approvals:column.team'), cell: (row) => row.team_id },
    { id: 'by', name: t('approvals:column.by'), cell: (row) => <TwoLines first={row.asked_by} second={<When ns={row.asked_at_ns} />} /> },
    {
      id: 'state',
      name: t('approvals:column.state'),
      cell: (row) => (
        <Badge variant="light" tt="none" color={row.state === 'open' ? 'orange' : 'gray'}>
          {row.state}
        </Badge>
      ),
    },
    {
      id: 'do',
      name: t('approvals:column.actions'),
      end: true,
      cell: (row) =>
        may &&
        row.decided_at_ns === null &&
        row.asked_by !== me.user.id && (
          <>
            <Button variant="subtle" size="compact-sm" onClick={() => answer(row, true)}>
              {t('approvals:approve')}
            </Button>
            <Button variant="subtle" color="gray" size="compact-sm" onClick={() => answer(row, false)}>
              {t('approvals:reject')}
            </Button>
          </>
        ),
    },
  ];
  return (
    <Page title={t('approvals:title')} lead={t('approvals:lead')}>
      <ListPanel
        untitled
        title={t('approvals:title')}
        list={approvals}
        columns={columns}
        rowId={(row) => row.id}
        icon={<IconCircleCheck />}
        empty={t('approvals:empty')}
        emptyText={t('approvals:emptyText')}
      />
    </Page>
  );
}
