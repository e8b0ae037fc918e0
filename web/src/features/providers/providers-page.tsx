import { Badge } from '@mantine/core';
import { useState } from 'react';

import { count } from '~/i18n/numbers';
import { useWords } from '~/i18n/use-words';
import type { Column } from '~/ui/data-table';
import { TwoLines } from '~/ui/facts';
import { IconServer } from '~/ui/icons';
import kit from '~/ui/kit.module.css';
import { ListPanel } from '~/ui/list-panel';
import { Page } from '~/ui/page';

import { type Provider, useProviders } from './api';
import { ProviderSheet } from './provider-sheet';

export function ProvidersPage() {
  const { t, language } = useWords();
  const providers = useProviders();
  const [open, setOpen] = useState<string | null>(null);
  const shown = providers.data?.find((provider) => provider.id === open);
  const columns: Column<Provider>[] = [
    {
      id: 'name',
      name: t('providers:column.provider'),
      cell: (row) => (
        <TwoLines
          first={
            <button type="button" className={kit.rowLink} onClick={() => setOpen(row.id)}>
              {row.name}
            </button>
          }
          second={row.id}
        />
      ),
    },
    {
      id: 'state',
      name: t('providers:column.state'),
      cell: (row) => (
        <Badge variant="light" color={row.disabled ? 'gray' : 'brand'} tt="none">
          {row.disabled ? t('providers:disabled') : t('providers:enabled')}
        </Badge>
      ),
    },
    { id: 'wire', name: t('providers:column.wire'), cell: (row) => row.wire },
    { id: 'region', name: t('providers:column.region'), cell: (row) => row.region || '–' },
    { id: 'endpoints', name: t('providers:column.endpoints'), end: true, cell: (row) => count(row.endpoints, language) },
    { id: 'credentials', name: t('providers:column.credentials'), end: true, cell: (row) => count(row.credentials, language) },
    { id: 'source', name: t('providers:column.source'), cell: (row) => row.source },
  ];
  return (
    <Page title={t('providers:title')} lead={t('providers:lead')}>
      <ListPanel
        untitled
        title={t('providers:title')}
        list={providers}
        columns={columns}
        rowId={(row) => row.id}
        icon={<IconServer />}
        empty={t('providers:empty')}
        emptyText={t('providers:emptyText')}
      />
      {shown !== undefined && <ProviderSheet provider={shown} onClose={() => setOpen(null)} />}
    </Page>
  );
}
