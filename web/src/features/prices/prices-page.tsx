import { Badge, Button, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';

import { useWords } from '~/i18n/use-words';
import type { Column } from '~/ui/data-table';
import { Filters, TwoLines } from '~/ui/facts';
import { IconCoin, IconSearch } from '~/ui/icons';
import { ListPanel } from '~/ui/list-panel';
import { Page, Panel } from '~/ui/page';

import { type FxRate, type Override, type PriceInForce, type PriceRow, useFxRates, useOverrides, usePriceRows, usePricesInForce } from './api';
import css from './prices.module.css';

/** `input $0.20 · output $0.60`, each for a million units. */
function Rates({ rates }: { rates: Record<string, string> | null | undefined }) {
  if (rates == null) return <>–</>;
  return (
    <span className={css.rates}>
      {Object.entries(rates).map(([name, price]) => (
        <span key={name}>
          {name} <b>${price}</b>
        </span>
      ))}
    </span>
  );
}

/** What is charged and what it costs: the rows in force for a model, and every row there is. */
export function PricesPage() {
  const { t } = useWords();
  const [typed, setTyped] = useState('');
  const [model, setModel] = useState('');
  const force = usePricesInForce(model);
  const rows = usePriceRows();
  const overrides = useOverrides();
  const fx = useFxRates();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setModel(typed.trim());
  };
  const percent = (value: string | null) => (value === null ? null : `${value} %`);
  const forceColumns: Column<PriceInForce>[] = [
    { id: 'endpoint', name: t('prices:column.endpoint'), cell: (row) => <TwoLines first={row.endpoint} second={row.model} /> },
    {
      id: 'price',
      name: t('prices:column.price'),
      cell: (row) => <TwoLines first={<Rates rates={row.price.rates} />} second={`${t(`prices:origin.${row.price.origin}`)} · ${row.price.source} · ${row.price.effective_from}`} />,
    },
    {
      id: 'cost',
      name: t('prices:column.cost'),
      cell: (row) => <TwoLines first={<Rates rates={row.cost.rates} />} second={`${t(`prices:origin.${row.cost.origin}`)} · ${row.cost.source} · ${row.cost.effective_from}`} />,
    },
    {
      id: 'flag',
      name: t('prices:column.flag'),
      cell: (row) =>
        (row.price.flagged || row.cost.flagged) && (
          <Badge color="orange" variant="light" tt="none">
            {t('prices:differ')}
          </Badge>
        ),
    },
  ];
  const rowColumns: Column<PriceRow>[] = [
    { id: 'pattern', name: t('prices:column.pattern'), cell: (row) => <TwoLines first={row.pattern} second={row.source} /> },
    { id: 'side', name: t('prices:column.side'), cell: (row) => t(`prices:side.${row.side as 'sell' | 'cost'}`) },
    { id: 'rates', name: t('prices:column.price'), cell: (row) => percent(row.percent) ?? <Rates rates={row.rates} /> },
    { id: 'currency', name: t('prices:column.currency'), cell: (row) => row.currency },
    { id: 'from', name: t('prices:column.from'), cell: (row) => row.effective_from },
  ];
  const overrideColumns: Column<Override>[] = [
    { id: 'team', name: t('prices:column.team'), cell: (row) => <TwoLines first={row.team_id} second={row.pattern} /> },
    { id: 'rates', name: t('prices:column.price'), cell: (row) => (row.ended ? t('prices:ended') : (percent(row.percent) ?? <Rates rates={row.rates} />)) },
    { id: 'from', name: t('prices:column.from'), cell: (row) => row.effective_from },
    { id: 'source', name: t('prices:column.source'), cell: (row) => row.source },
  ];
  const fxColumns: Column<FxRate>[] = [
    { id: 'currency', name: t('prices:column.currency'), cell: (row) => row.currency },
    { id: 'rate', name: t('prices:column.rate'), end: true, cell: (row) => row.usd_per_unit },
    { id: 'from', name: t('prices:column.from'), cell: (row) => row.effective_from },
    { id: 'source', name: t('prices:column.source'), cell: (row) => row.source },
  ];
  return (
    <Page title={t('prices:title')} lead={t('prices:lead')}>
      <form onSubmit={submit}>
        <Filters>
          <TextInput
            label={t('prices:search')}
            placeholder="openai/gpt-4o"
            leftSection={<IconSearch size={16} />}
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
          />
          <Button type="submit" variant="default" disabled={typed.trim() === ''}>
            {t('prices:show')}
          </Button>
        </Filters>
      </form>
      {model === '' ? (
        <Panel>{t('prices:hint')}</Panel>
      ) : (
        <ListPanel
          title={t('prices:inForce', { model })}
          list={force}
          columns={forceColumns}
          rowId={(row) => row.endpoint}
          empty={t('prices:noEndpoint')}
          emptyText={t('prices:noEndpointText')}
        />
      )}
      <ListPanel
        title={t('prices:rows')}
        note={t('prices:rowsNote')}
        list={rows}
        columns={rowColumns}
        rowId={(row) => row.id}
        icon={<IconCoin />}
        empty={t('prices:empty')}
        emptyText={t('prices:emptyText')}
      />
      <ListPanel title={t('prices:overrides')} list={overrides} columns={overrideColumns} rowId={(row) => row.id} icon={<IconCoin />} empty={t('prices:noOverride')} emptyText={t('prices:noOverrideText')} />
      <ListPanel title={t('prices:fx')} list={fx} columns={fxColumns} rowId={(row) => row.id} icon={<IconCoin />} empty={t('prices:noFx')} emptyText={t('prices:noFxText')} />
    </Page>
  );
}
