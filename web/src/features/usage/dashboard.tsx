import { SegmentedControl } from '@mantine/core';
import type { ReactNode } from 'react';

import { useWords } from '~/i18n/use-words';
import { useTeam } from '~/session/me';
import { IconChartBar } from '~/ui/icons';
import { LinkButton } from '~/ui/link';
import { Page, Panel } from '~/ui/page';
import { Empty, Loaded } from '~/ui/states';

import { spanOf, useLatency, useUsage } from './api';
import { Breakdown } from './breakdown';
import { type Group, GROUPS, type Period, PERIODS } from './search';
import { Trend } from './trend';
import { Figures } from './tiles';

export interface DashboardProps {
  period: Period;
  group: Group;
  onChange: (next: { period: Period; by: Group }) => void;
  nameOf: (group: Group, id: string) => string;
  /** The requests behind a line of the breakdown. */
  link: (group: Group, id: string, name: string) => ReactNode;
}

const MOST_LINES = 50;

export function Dashboard({ period, group, onChange, nameOf, link }: DashboardProps) {
  const { t } = useWords();
  const team = useTeam();
  const whole = useUsage({ teamId: team.id, period, by: [], compare: true });
  return (
    <Page title={t('usage:title')} lead={t('usage:lead', { team: team.name })} actions={<PeriodControl period={period} onChange={(next) => onChange({ period: next, by: group })} />}>
      <Loaded query={whole} rows={6}>
        {(read) =>
          read.total.requests === 0 && (read.previous?.requests ?? 0) === 0 ? (
            <Panel>
              <Empty
                icon={<IconChartBar />}
                title={t('usage:empty')}
                text={t('usage:emptyText')}
                action={
                  <LinkButton to="/teams/$teamId" params={{ teamId: team.id }}>
                    {t('usage:emptyAction')}
                  </LinkButton>
                }
              />
            </Panel>
          ) : (
            <Parts teamId={team.id} {...{ period, group, onChange, nameOf, link }} total={read} />
          )
        }
      </Loaded>
    </Page>
  );
}

export function PeriodControl({ period, onChange }: { period: Period; onChange: (period: Period) => void }) {
  const { t } = useWords();
  return (
    <SegmentedControl
      size="xs"
      aria-label={t('usage:periodName')}
      value={period}
      onChange={(next) => onChange(PERIODS.find((each) => each === next) ?? 'd7')}
      data={PERIODS.map((each) => ({ value: each, label: t(`usage:period.${each}`) }))}
    />
  );
}

interface PartsProps extends DashboardProps {
  teamId: string;
  total: NonNullable<ReturnType<typeof useUsage>['data']>;
}

function Parts({ teamId, period, group, onChange, nameOf, link, total }: PartsProps) {
  const { t } = useWords();
  const span = spanOf(period);
  const all = useLatency({ teamId, period, by: [] });
  const trend = useUsage({ teamId, period, by: [span.by, group], limit: 5000 });
  const lines = useUsage({ teamId, period, by: [group], limit: MOST_LINES });
  const latency = useLatency({ teamId, period, by: [group] });
  const name = (id: string) => (id === '' ? t('usage:nobody') : nameOf(group, id));
  return (
    <>
      <Figures total={total.total} previous={total.previous} latency={all.data?.[0]} />
      <Loaded query={trend}>{(read) => <Trend lines={read.data} group={group} span={span} nameOf={name} />}</Loaded>
      <Panel
        flush
        title={t('usage:breakdown')}
        action={
          <SegmentedControl
            size="xs"
            aria-label={t('usage:groupName')}
            value={group}
            onChange={(next) => onChange({ period, by: GROUPS.find((each) => each === next) ?? 'model' })}
            data={GROUPS.map((each) => ({ value: each, label: t(`usage:group.${each}`) }))}
          />
        }
      >
        <Loaded query={lines}>
          {(read) => (
            <Breakdown
              caption={t('usage:breakdown')}
              lines={read.data}
              group={group}
              latency={latency.data ?? []}
              show={(id) => (id === '' ? t('usage:nobody') : link(group, id, name(id)))}
            />
          )}
        </Loaded>
      </Panel>
    </>
  );
}
