import { Badge, Button } from '@mantine/core';
import { useState } from 'react';

import { useWords } from '~/i18n/use-words';
import { usePlatform } from '~/session/me';
import { Confirm } from '~/ui/confirm';
import { type Column, DataTable } from '~/ui/data-table';
import { TwoLines } from '~/ui/facts';
import { Loaded } from '~/ui/states';

import { type Endpoint, useEndpoints, useSetEndpoint } from './api';

/** Places that serve models; one can be drained, so that nothing new goes there. */
export function EndpointTable({ filter }: { filter: { model?: string | undefined; provider?: string | undefined } }) {
  const { t } = useWords();
  const may = usePlatform()('catalogue.write');
  const endpoints = useEndpoints(filter);
  const set = useSetEndpoint();
  const [asked, setAsked] = useState<Endpoint | null>(null);
  const columns: Column<Endpoint>[] = [
    { id: 'model', name: t('providers:endpoint.model'), cell: (row) => <TwoLines first={row.model} second={`${row.provider} / ${row.region ?? ''}`} /> },
    {
      id: 'state',
      name: t('providers:column.state'),
      cell: (row) => (
        <Badge variant="light" color={row.drained ? 'orange' : row.served ? 'brand' : 'gray'} tt="none">
          {row.drained ? t('providers:endpoint.drained') : row.served ? t('providers:endpoint.served') : t('providers:endpoint.off')}
        </Badge>
      ),
    },
    { id: 'price', name: t('providers:endpoint.price'), end: true, cell: (row) => `$${row.price_input_usd ?? '–'} / $${row.price_output_usd ?? '–'}` },
    { id: 'weight', name: t('providers:endpoint.weight'), end: true, cell: (row) => row.weight ?? '–' },
    {
      id: 'do',
      name: t('providers:column.actions'),
      end: true,
      cell: (row) =>
        may && (
          <Button variant="subtle" color="gray" size="compact-sm" onClick={() => setAsked(row)}>
            {row.drained ? t('providers:endpoint.restore') : t('providers:endpoint.drain')}
          </Button>
        ),
    },
  ];
  return (
    <>
      <Loaded query={endpoints} rows={3}>
        {(rows) =>
          rows.length === 0 ? (
            <p>{t('providers:endpoint.none')}</p>
          ) : (
            <DataTable caption={t('providers:column.endpoints')} columns={columns} rows={rows} rowId={(row) => row.endpoint_id} />
          )
        }
      </Loaded>
      {asked !== null && (
        <Confirm
          title={asked.drained ? t('providers:endpoint.restoreTitle') : t('providers:endpoint.drainTitle')}
          consequence={t(asked.drained ? 'providers:endpoint.restoreText' : 'providers:endpoint.drainText', { endpoint: asked.endpoint_id })}
          action={asked.drained ? t('providers:endpoint.restore') : t('providers:endpoint.drain')}
          mild={asked.drained}
          busy={set.isPending}
          error={set.error}
          onConfirm={() =>
            set.mutate(
              { endpoint_id: asked.endpoint_id, drained: !asked.drained, reason: '', priority: asked.priority, weight: asked.weight, force: false },
              { onSuccess: () => setAsked(null) },
            )
          }
          onClose={() => setAsked(null)}
        />
      )}
    </>
  );
}
