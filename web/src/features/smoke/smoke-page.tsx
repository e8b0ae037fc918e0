import { Button, Group, Select, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';

import { count } from '~/i18n/numbers';
import { useWords } from '~/i18n/use-words';
import { usePlatform } from '~/session/me';
import { Money, When } from '~/ui/amounts';
import type { Column } from '~/ui/data-table';
import { TwoLines } from '~/ui/facts';
import { FormError } from '~/ui/form-error';
import { IconActivity } from '~/ui/icons';
import { ListPanel } from '~/ui/list-panel';
import { useNotices } from '~/ui/notices';
import { Page, Panel } from '~/ui/page';
import { Empty, Loaded } from '~/ui/states';

import { type Proposal, type Run, useCells, useProposals, useRuns, useSmokeDeeds } from './api';
import { Matrix } from './matrix';

const LEVELS = ['pre-publish', 'live', 'daily'] as const;

/** Whether what the catalogue says is true: each feature of each endpoint as it was tried last. */
export function SmokePage() {
  const { t, language } = useWords();
  const may = usePlatform()('system.write');
  const notices = useNotices();
  const cells = useCells();
  const runs = useRuns();
  const proposals = useProposals();
  const { dismiss } = useSmokeDeeds();
  const runColumns: Column<Run>[] = [
    { id: 'models', name: t('smoke:column.models'), cell: (run) => <TwoLines first={run.models} second={run.level} /> },
    { id: 'state', name: t('smoke:column.state'), cell: (run) => run.state },
    {
      id: 'result',
      name: t('smoke:column.result'),
      cell: (run) => t('smoke:result', { passed: count(run.passed, language), failed: count(run.failed, language), planned: count(run.planned, language) }),
    },
    { id: 'cost', name: t('smoke:column.cost'), end: true, cell: (run) => <Money value={run.cost_nanos} places={6} /> },
    { id: 'at', name: t('smoke:column.at'), cell: (run) => <When ns={run.started_at_ns} /> },
  ];
  const proposalColumns: Column<Proposal>[] = [
    { id: 'what', name: t('smoke:column.proposal'), cell: (row) => <TwoLines first={row.change} second={row.detail} /> },
    { id: 'where', name: t('smoke:column.endpoint'), cell: (row) => <TwoLines first={row.model} second={`${row.provider} / ${row.region}`} /> },
    { id: 'state', name: t('smoke:column.state'), cell: (row) => row.state },
    {
      id: 'do',
      name: t('smoke:column.actions'),
      end: true,
      cell: (row) =>
        may &&
        row.state === 'open' && (
          <Button variant="subtle" color="gray" size="compact-sm" onClick={() => dismiss.mutate(row.id, { onError: notices.failed })}>
            {t('smoke:dismiss')}
          </Button>
        ),
    },
  ];
  return (
    <Page title={t('smoke:title')} lead={t('smoke:lead')}>
      {may && <Start />}
      <Panel title={t('smoke:matrix')} flush>
        <Loaded query={cells}>
          {(rows) =>
            rows.length === 0 ? (
              <Empty icon={<IconActivity />} title={t('smoke:empty')} text={t('smoke:emptyText')} />
            ) : (
              <Matrix cells={rows} />
            )
          }
        </Loaded>
      </Panel>
      <ListPanel
        title={t('smoke:proposals')}
        note={t('smoke:proposalsNote')}
        list={proposals}
        columns={proposalColumns}
        rowId={(row) => row.id}
        empty={t('smoke:noProposals')}
        emptyText={t('smoke:noProposalsText')}
      />
      <ListPanel
        title={t('smoke:runs')}
        list={runs}
        columns={runColumns}
        rowId={(run) => run.id}
        empty={t('smoke:noRuns')}
        emptyText={t('smoke:emptyText')}
      />
    </Page>
  );
}

function Start() {
  const { t } = useWords();
  const notices = useNotices();
  const { start } = useSmokeDeeds();
  const [models, setModels] = useState('*');
  const [level, setLevel] = useState<string>('live');
  const [cap, setCap] = useState('1');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    start.mutate(
      { models: models.trim(), level, cap_usd: cap.trim() === '' ? null : cap.trim() },
      { onSuccess: () => notices.done(t('smoke:start.done')) },
    );
  };
  return (
    <Panel title={t('smoke:start.title')} note={t('smoke:start.note')}>
      <form onSubmit={submit}>
        <Group align="flex-end">
          <TextInput label={t('smoke:start.models')} value={models} maxLength={200} onChange={(event) => setModels(event.currentTarget.value)} />
          <Select
            label={t('smoke:start.level')}
            data={[...LEVELS]}
            value={level}
            allowDeselect={false}
            onChange={(next) => setLevel(next ?? 'live')}
          />
          <TextInput label={t('smoke:start.cap')} leftSection="$" inputMode="decimal" value={cap} onChange={(event) => setCap(event.currentTarget.value)} />
          <Button type="submit" loading={start.isPending} disabled={models.trim() === ''}>
            {t('smoke:start.action')}
          </Button>
        </Group>
        <FormError error={start.error} />
      </form>
    </Panel>
  );
}
