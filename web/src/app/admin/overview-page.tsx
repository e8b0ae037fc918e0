import { useNavigate, useSearch } from '@tanstack/react-router';

import { useAllTeams } from '~/features/customers';
import { Breakdown, DEFAULT_PERIOD, Figures, PeriodControl, spanOf, Trend, useLatency, useUsage } from '~/features/usage';
import { formatMoney } from '~/i18n/money';
import { useWords } from '~/i18n/use-words';
import { Money } from '~/ui/amounts';
import { IconChartBar } from '~/ui/icons';
import { Page, Panel } from '~/ui/page';
import { Empty, Loaded } from '~/ui/states';

const MOST = 20;

/** The whole platform: traffic, revenue beside what providers charge, the mix, the largest teams. */
export function OverviewPage() {
  const { t, language } = useWords();
  const navigate = useNavigate();
  const { period = DEFAULT_PERIOD } = useSearch({ from: '/shell/admin' });
  const span = spanOf(period);
  const total = useUsage({ admin: true, period, by: [], compare: true });
  const latency = useLatency({ admin: true, period, by: [] });
  const trend = useUsage({ admin: true, period, by: [span.by, 'provider'], limit: 5000 });
  const providers = useUsage({ admin: true, period, by: ['provider'], limit: MOST });
  const teams = useUsage({ admin: true, period, by: ['team'], limit: MOST });
  const names = new Map((useAllTeams().data ?? []).map(({ id, name }) => [id, name]));
  const none = t('usage:nobody');
  return (
    <Page
      title={t('app:admin.overview')}
      lead={t('app:admin.overviewLead')}
      actions={<PeriodControl period={period} onChange={(next) => void navigate({ to: '/admin', search: { period: next }, replace: true })} />}
    >
      <Loaded query={total} rows={6}>
        {(read) =>
          read.total.requests === 0 ? (
            <Panel>
              <Empty icon={<IconChartBar />} title={t('usage:empty')} text={t('app:admin.noTraffic')} />
            </Panel>
          ) : (
            <>
              <Figures
                total={read.total}
                previous={read.previous}
                latency={latency.data?.[0]}
                more={[
                  {
                    name: t('app:admin.providerCost'),
                    value: <Money value={providerCost(read.total)} places={4} />,
                    exact: formatMoney(providerCost(read.total), language),
                    note: t('app:admin.providerCostNote'),
                  },
                ]}
              />
              <Loaded query={trend}>
                {(lines) => <Trend lines={lines.data} group="provider" span={span} nameOf={(id) => (id === '' ? none : id)} />}
              </Loaded>
              <Panel flush title={t('app:admin.mix')}>
                <Loaded query={providers}>
                  {(lines) => <Breakdown caption={t('app:admin.mix')} lines={lines.data} group="provider" latency={[]} show={(id) => id || none} />}
                </Loaded>
              </Panel>
              <Panel flush title={t('app:admin.topTeams')}>
                <Loaded query={teams}>
                  {(lines) => (
                    <Breakdown caption={t('app:admin.topTeams')} lines={lines.data} group="team" latency={[]} show={(id) => names.get(id) ?? id} />
                  )}
                </Loaded>
              </Panel>
            </>
          )
        }
      </Loaded>
    </Page>
  );
}

/** The platform's people are told it beside what the teams are. */
function providerCost(total: object): number | string {
  const told = (total as { provider_cost_nanos?: number | string }).provider_cost_nanos;
  return told ?? 0;
}
