import { Badge, Group } from '@mantine/core';

import type { EndpointRow, ModelRow } from '~/api/data-plane';
import { duration } from '~/i18n/numbers';
import { useWords } from '~/i18n/use-words';
import { useTeam } from '~/session/me';
import { CopyLine } from '~/ui/copy';
import { type Column, DataTable } from '~/ui/data-table';
import { SideSheet } from '~/ui/dialog';
import { Facts, Sections, TwoLines } from '~/ui/facts';
import { IconMessages } from '~/ui/icons';
import { LinkButton } from '~/ui/link';
import { Sample } from '~/ui/sample';
import { Loaded } from '~/ui/states';

import { useEndpoints } from './api';
import { Tokens } from './models-page';
import { Price, SINGLE } from './prices';

/** One model: what it can, what it costs, who serves it, and how to call it. */
export function ModelSheet({ model, onClose }: { model: ModelRow; onClose: () => void }) {
  const { t, language } = useWords();
  const team = useTeam();
  const endpoints = useEndpoints(team.id, model.id);
  return (
    <SideSheet onClose={onClose} title={model.name} size="xl">
      <Sections>
        <CopyLine value={model.id} label={t('models:copyId')} />
        {model.kind === 'chat' && team.may('keys.create') && (
          <Group>
            <LinkButton
              to="/teams/$teamId/playground"
              params={{ teamId: team.id }}
              search={{ model: model.id }}
              leftSection={<IconMessages size={16} />}
            >
              {t('models:try')}
            </LinkButton>
          </Group>
        )}
        <Facts
          rows={[
            [t('models:fact.owner'), model.owned_by],
            [t('models:fact.context'), <Tokens key="c" count={model.context_length} />],
            [t('models:fact.output'), <Tokens key="o" count={model.top_provider.max_completion_tokens} />],
            [t('models:fact.takes'), model.architecture.input_modalities.join(', ')],
            [t('models:fact.gives'), model.architecture.output_modalities.join(', ')],
            ...(model.shutdown_date == null ? [] : [[t('models:fact.retires'), model.shutdown_date] as const]),
          ]}
        />
        {model.capabilities.length > 0 && (
          <div>
            <h3>{t('models:capabilities')}</h3>
            <Group gap={6}>
              {model.capabilities.map((each) => (
                <Badge key={each} variant="light" tt="none" fw={500}>
                  {each}
                </Badge>
              ))}
            </Group>
          </div>
        )}
        <div>
          <h3>{t('models:prices')}</h3>
          <Prices pricing={model.pricing} />
        </div>
        <div>
          <h3>{t('models:endpoints')}</h3>
          <Loaded query={endpoints} rows={2}>
            {(rows) => (
              <DataTable caption={t('models:endpoints')} columns={endpointColumns(t, language)} rows={rows} rowId={(row) => row.name + row.tag} />
            )}
          </Loaded>
        </div>
        {model.kind === 'chat' && (
          <div>
            <h3>{t('models:code')}</h3>
            <Sample model={model.id} />
          </div>
        )}
      </Sections>
    </SideSheet>
  );
}

function Prices({ pricing }: { pricing: Record<string, string> }) {
  const { t } = useWords();
  return (
    <Facts
      rows={Object.entries(pricing).map(([name, price]) => [
        t(`models:price.${name}` as 'models:price.prompt'),
        SINGLE.has(name) ? `$${price}` : <Price key={name} price={price} />,
      ])}
    />
  );
}

function endpointColumns(t: ReturnType<typeof useWords>['t'], language: string): Column<EndpointRow>[] {
  return [
    {
      id: 'provider',
      name: t('models:endpoint.provider'),
      cell: (row) => <TwoLines first={row.provider_name} second={row.tag} />,
    },
    { id: 'context', name: t('models:column.context'), end: true, cell: (row) => <Tokens count={row.context_length} /> },
    { id: 'input', name: t('models:column.input'), end: true, cell: (row) => <Price price={row.pricing.prompt} /> },
    { id: 'output', name: t('models:column.output'), end: true, cell: (row) => <Price price={row.pricing.completion} /> },
    {
      id: 'answered',
      name: t('models:endpoint.answered'),
      end: true,
      cell: (row) => (row.lately === null ? '–' : new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 2 }).format(row.lately.answered_share)),
    },
    { id: 'first', name: t('models:endpoint.first'), end: true, cell: (row) => duration(row.lately?.first_token_ms, language) },
    { id: 'since', name: t('models:endpoint.since'), cell: (row) => row.price_effective_from },
  ];
}
