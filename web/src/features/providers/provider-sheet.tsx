import { Alert, Badge, Button, Group, PasswordInput, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';

import { duration } from '~/i18n/numbers';
import { useWords } from '~/i18n/use-words';
import { usePlatform } from '~/session/me';
import { When } from '~/ui/amounts';
import { type Column, DataTable } from '~/ui/data-table';
import { SideSheet } from '~/ui/dialog';
import { Facts, Sections, TwoLines } from '~/ui/facts';
import { FormError } from '~/ui/form-error';
import { useNotices } from '~/ui/notices';
import { Loaded } from '~/ui/states';

import { type Credential, type Provider, useCredentials, useProviderDeeds } from './api';
import { EndpointTable } from './endpoint-table';

/** One provider: where it is, whose accounts are used, whether they work, what it serves. */
export function ProviderSheet({ provider, onClose }: { provider: Provider; onClose: () => void }) {
  const { t, language } = useWords();
  const may = usePlatform()('providers.write');
  const notices = useNotices();
  const credentials = useCredentials(provider.id);
  const deeds = useProviderDeeds(provider.id);
  const tested = deeds.test.data;
  const columns: Column<Credential>[] = [
    { id: 'name', name: t('providers:credential.name'), cell: (row) => <TwoLines first={row.name} second={row.hint} /> },
    {
      id: 'state',
      name: t('providers:column.state'),
      cell: (row) => (
        <Badge variant="light" color={row.disabled ? 'gray' : 'brand'} tt="none">
          {row.disabled ? t('providers:disabled') : t('providers:enabled')}
        </Badge>
      ),
    },
    {
      id: 'test',
      name: t('providers:credential.test'),
      cell: (row) =>
        row.test == null ? '–' : <TwoLines first={row.test.ok ? t('providers:test.good') : t('providers:test.bad')} second={<When ns={row.tested_at_ns} />} />,
    },
    { id: 'source', name: t('providers:column.source'), cell: (row) => row.source },
    {
      id: 'do',
      name: t('providers:column.actions'),
      end: true,
      cell: (row) =>
        may && (
          <>
            <Button variant="subtle" size="compact-sm" loading={deeds.test.isPending} onClick={() => deeds.test.mutate(row.name)}>
              {t('providers:test.action')}
            </Button>
            {!row.read_only && row.id !== null && (
              <Button
                variant="subtle"
                color="gray"
                size="compact-sm"
                onClick={() => deeds.setDisabled.mutate({ credential: row, disabled: !row.disabled }, { onError: notices.failed })}
              >
                {row.disabled ? t('providers:credential.enable') : t('providers:credential.disable')}
              </Button>
            )}
          </>
        ),
    },
  ];
  return (
    <SideSheet onClose={onClose} title={provider.name} size="xl">
      <Sections>
        <Facts
          rows={[
            [t('providers:fact.id'), provider.id],
            [t('providers:column.wire'), provider.wire],
            [t('providers:fact.url'), provider.base_url],
            [t('providers:column.region'), provider.region || '–'],
            [t('providers:fact.country'), provider.country || '–'],
            [t('providers:fact.zdr'), provider.zdr ? t('providers:yes') : t('providers:no')],
            [t('providers:fact.collects'), provider.collects_data ? t('providers:yes') : t('providers:no')],
            [t('providers:column.source'), provider.source],
          ]}
        />
        <div>
          <h3>{t('providers:credentials')}</h3>
          <Loaded query={credentials} rows={2}>
            {(rows) => (rows.length === 0 ? <p>{t('providers:noCredential')}</p> : <DataTable caption={t('providers:credentials')} columns={columns} rows={rows} rowId={(row) => row.name} />)}
          </Loaded>
          <FormError error={deeds.test.error} />
          {tested !== undefined && (
            <Alert color={tested.ok ? 'brand' : 'red'} variant="light" role="status">
              {tested.ok
                ? t('providers:test.worked', { model: tested.model, time: duration(tested.took_ms, language) })
                : t('providers:test.failed', { message: tested.message })}
            </Alert>
          )}
        </div>
        {may && <AddCredential provider={provider} />}
        <div>
          <h3>{t('providers:column.endpoints')}</h3>
          <EndpointTable filter={{ provider: provider.id }} />
        </div>
      </Sections>
    </SideSheet>
  );
}

function AddCredential({ provider }: { provider: Provider }) {
  const { t } = useWords();
  const notices = useNotices();
  const { addKey } = useProviderDeeds(provider.id);
  const [name, setName] = useState('');
  const [secret, setSecret] = useState('');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    addKey.mutate(
      { name: name.trim(), secret },
      {
        onSuccess: () => {
          notices.done(t('providers:add.done'));
          setName('');
          setSecret('');
        },
      },
    );
  };
  return (
    <form onSubmit={submit}>
      <h3>{t('providers:add.title')}</h3>
      <Group align="flex-end">
        <TextInput label={t('providers:credential.name')} maxLength={64} value={name} onChange={(event) => setName(event.currentTarget.value)} />
        <PasswordInput
          label={t('providers:add.secret')}
          autoComplete="off"
          w={260}
          value={secret}
          visibilityToggleButtonProps={{ 'aria-label': t('providers:add.show') }}
          onChange={(event) => setSecret(event.currentTarget.value)}
        />
        <Button type="submit" loading={addKey.isPending} disabled={name.trim() === '' || secret === ''}>
          {t('providers:add.action')}
        </Button>
      </Group>
      <FormError error={addKey.error} />
    </form>
  );
}
