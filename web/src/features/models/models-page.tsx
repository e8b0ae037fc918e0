import { Badge, Button, MultiSelect, Select, TextInput } from '@mantine/core';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useDeferredValue, useState } from 'react';

import type { ModelRow } from '~/api/data-plane';
import { useWords } from '~/i18n/use-words';
import { useTeam } from '~/session/me';
import { type Column, DataTable } from '~/ui/data-table';
import { Filters, TwoLines } from '~/ui/facts';
import { IconBox, IconSearch, IconSearchOff } from '~/ui/icons';
import kit from '~/ui/kit.module.css';
import { Page, Panel } from '~/ui/page';
import { Empty, Loaded } from '~/ui/states';

import { useModels } from './api';
import { ModelSheet } from './model-sheet';
import { Price } from './prices';

const AT_ONCE = 50;
const MOST_SHOWN = 4;

/** What this zone serves: found by name, kind and what it can, each with its prices. */
export function ModelsPage() {
  const { t } = useWords();
  const team = useTeam();
  const models = useModels(team.id);
  return (
    <Page title={t('models:title')} lead={t('models:lead')}>
      <Loaded query={models} rows={8}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty icon={<IconBox />} title={t('models:empty')} text={t('models:emptyText')} />
          ) : (
            <List rows={rows} />
          )
        }
      </Loaded>
    </Page>
  );
}

const options = (values: string[]) => [...new Set(values)].sort();

function List({ rows }: { rows: ModelRow[] }) {
  const { t } = useWords();
  const navigate = useNavigate();
  const { model: open } = useSearch({ from: '/shell/teams/$teamId/models' });
  const [typed, setTyped] = useState('');
  const [owner, setOwner] = useState<string | null>(null);
  const [kind, setKind] = useState<string | null>(null);
  const [can, setCan] = useState<string[]>([]);
  const [most, setMost] = useState(AT_ONCE);
  const words = useDeferredValue(typed).toLowerCase().split(/\s+/).filter(Boolean);
  const found = rows.filter(
    (row) =>
      words.every((word) => `${row.id} ${row.name}`.toLowerCase().includes(word)) &&
      (owner === null || row.owned_by === owner) &&
      (kind === null || row.kind === kind) &&
      can.every((each) => row.capabilities.includes(each) || row.architecture.input_modalities.includes(each)),
  );
  const show = (model: string | undefined) => void navigate({ to: '.', search: { model }, replace: true });
  const shown = open === undefined ? undefined : rows.find((row) => row.id === open);
  return (
    <>
      <Filters>
        <TextInput
          label={t('models:filter.search')}
          leftSection={<IconSearch size={16} />}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
        <Select
          label={t('models:filter.owner')}
          placeholder={t('models:filter.any')}
          data={options(rows.map((row) => row.owned_by))}
          value={owner}
          onChange={setOwner}
          searchable
          clearable
          clearButtonProps={{ 'aria-label': t('app:action.clear') }}
        />
        <Select
          label={t('models:filter.kind')}
          placeholder={t('models:filter.any')}
          data={options(rows.map((row) => row.kind))}
          value={kind}
          onChange={setKind}
          clearable
          clearButtonProps={{ 'aria-label': t('app:action.clear') }}
        />
        <MultiSelect
          label={t('models:filter.can')}
          data={options(rows.flatMap((row) => [...row.capabilities, ...row.architecture.input_modalities]))}
          value={can}
          onChange={setCan}
          clearable
          clearButtonProps={{ 'aria-label': t('app:action.clear') }}
        />
      </Filters>
      <p role="status" className={kit.count}>
        {t('models:count', { count: found.length })}
      </p>
      <Panel flush>
        {found.length === 0 ? (
          <Empty icon={<IconSearchOff />} title={t('models:none')} text={t('models:noneText')} />
        ) : (
          <DataTable
            caption={t('models:title')}
            columns={columnsOf(t, show)}
            rows={found.slice(0, most)}
            rowId={(row) => row.id}
          />
        )}
        {found.length > most && (
          <Button variant="subtle" fullWidth onClick={() => setMost(most + AT_ONCE)}>
            {t('app:action.more')}
          </Button>
        )}
      </Panel>
      {shown !== undefined && <ModelSheet model={shown} onClose={() => show(undefined)} />}
    </>
  );
}

function columnsOf(t: ReturnType<typeof useWords>['t'], show: (id: string) => void): Column<ModelRow>[] {
  return [
    {
      id: 'name',
      name: t('models:column.name'),
      cell: (row) => (
        <TwoLines
          first={
            <button type="button" className={kit.rowLink} onClick={() => show(row.id)}>
              {row.name}
            </button>
          }
          second={row.id}
        />
      ),
    },
    {
      id: 'kind',
      name: t('models:column.kind'),
      cell: (row) => (
        <Badge variant="default" tt="none" fw={500}>
          {row.kind}
        </Badge>
      ),
    },
    {
      id: 'can',
      name: t('models:column.can'),
      cell: (row) => (
        <span className={kit.words}>
          {row.capabilities.slice(0, MOST_SHOWN).join(' · ') || '–'}
          {row.capabilities.length > MOST_SHOWN ? ` +${row.capabilities.length - MOST_SHOWN}` : ''}
        </span>
      ),
    },
    { id: 'context', name: t('models:column.context'), end: true, cell: (row) => <Tokens count={row.context_length} /> },
    { id: 'input', name: t('models:column.input'), end: true, cell: (row) => <Price price={row.pricing.prompt} /> },
    { id: 'output', name: t('models:column.output'), end: true, cell: (row) => <Price price={row.pricing.completion} /> },
  ];
}

export function Tokens({ count }: { count: number | null }) {
  const { language } = useWords();
  return <>{count === null ? '–' : new Intl.NumberFormat(language).format(count)}</>;
}
