import { Badge, Button } from '@mantine/core';
import { useState } from 'react';

import { useWords } from '~/i18n/use-words';
import { useTeam } from '~/session/me';
import { When } from '~/ui/amounts';
import { Confirm } from '~/ui/confirm';
import { type Column, DataTable } from '~/ui/data-table';
import { TwoLines } from '~/ui/facts';
import { IconKey, IconPlus } from '~/ui/icons';
import { useNotices } from '~/ui/notices';
import { Page, Panel } from '~/ui/page';
import { Empty, Loaded } from '~/ui/states';

import { type Own, useOwn, useOwnDeeds } from './api';
import { AddOwn, RotateOwn } from './own-dialogs';

/** The team's own accounts at providers: used for this team alone, billed by the provider. */
export function OwnPage() {
  const { t } = useWords();
  const team = useTeam();
  const may = team.may('own_credentials.write');
  const notices = useNotices();
  const own = useOwn(team.id);
  const { change, test, remove } = useOwnDeeds(team.id);
  const [adding, setAdding] = useState(false);
  const [turned, setTurned] = useState<Own | null>(null);
  const [removed, setRemoved] = useState<Own | null>(null);
  const add = may && (
    <Button leftSection={<IconPlus size={16} />} onClick={() => setAdding(true)}>
      {t('own:add')}
    </Button>
  );
  const ask = (row: Own) =>
    test.mutate(row, {
      onSuccess: (result) =>
        result.ok ? notices.done(t('own:works', { name: row.name })) : notices.failed(new Error(result.message)),
      onError: notices.failed,
    });
  const columns: Column<Own>[] = [
    { id: 'name', name: t('own:column.name'), cell: (row) => <TwoLines first={<b>{row.name}</b>} second={row.hint} /> },
    { id: 'provider', name: t('own:column.provider'), cell: (row) => row.provider },
    {
      id: 'state',
      name: t('own:column.state'),
      cell: (row) => (
        <Badge variant="light" tt="none" color={row.disabled ? 'gray' : 'brand'}>
          {row.disabled ? t('own:off') : row.preferred ? t('own:first') : t('own:fallback')}
        </Badge>
      ),
    },
    {
      id: 'test',
      name: t('own:column.test'),
      cell: (row) =>
        row.test == null ? '–' : <TwoLines first={row.test.ok ? t('own:good') : t('own:bad')} second={<When ns={row.tested_at_ns} />} />,
    },
    { id: 'since', name: t('own:column.since'), cell: (row) => <When ns={row.rotated_at_ns ?? row.created_at_ns} /> },
    {
      id: 'do',
      name: t('own:column.actions'),
      end: true,
      cell: (row) => may && <Actions row={row} onTest={() => ask(row)} onRotate={() => setTurned(row)} onRemove={() => setRemoved(row)} onChange={(body) => change.mutate({ row, ...body }, { onError: notices.failed })} />,
    },
  ];
  return (
    <Page title={t('own:title')} lead={t('own:lead')} actions={(own.data?.length ?? 0) > 0 ? add : undefined}>
      <Panel flush>
        <Loaded query={own}>
          {(rows) =>
            rows.length === 0 ? (
              <Empty icon={<IconKey />} title={t('own:empty')} text={t('own:emptyText')} action={add} />
            ) : (
              <DataTable caption={t('own:title')} columns={columns} rows={rows} rowId={(row) => row.id} />
            )
          }
        </Loaded>
      </Panel>
      {adding && <AddOwn onClose={() => setAdding(false)} />}
      {turned !== null && <RotateOwn row={turned} onClose={() => setTurned(null)} />}
      {removed !== null && (
        <Confirm
          title={t('own:removeTitle', { name: removed.name })}
          consequence={t('own:removeText', { provider: removed.provider })}
          action={t('own:remove')}
          busy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate(removed, { onSuccess: () => setRemoved(null) })}
          onClose={() => setRemoved(null)}
        />
      )}
    </Page>
  );
}

interface ActionsProps {
  row: Own;
  onTest: () => void;
  onRotate: () => void;
  onRemove: () => void;
  onChange: (body: { preferred?: boolean; disabled?: boolean }) => void;
}

function Actions({ row, onTest, onRotate, onRemove, onChange }: ActionsProps) {
  const { t } = useWords();
  const deed = (name: string, act: () => void) => (
    <Button variant="subtle" color="gray" size="compact-sm" onClick={act}>
      {name}
    </Button>
  );
  return (
    <>
      {deed(t('own:test'), onTest)}
      {deed(row.preferred ? t('own:useLast') : t('own:useFirst'), () => onChange({ preferred: !row.preferred }))}
      {deed(row.disabled ? t('own:turnOn') : t('own:turnOff'), () => onChange({ disabled: !row.disabled }))}
      {deed(t('own:rotate'), onRotate)}
      {deed(t('own:remove'), onRemove)}
    </>
  );
}
