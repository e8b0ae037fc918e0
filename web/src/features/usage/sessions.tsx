import type { ReactNode } from 'react';

import { useWords } from '~/i18n/use-words';
import { useTeam } from '~/session/me';
import { IconStack2 } from '~/ui/icons';
import { Page, Panel } from '~/ui/page';
import { Empty, Loaded } from '~/ui/states';

import { useLatency, useUsage } from './api';
import { Breakdown } from './breakdown';
import { PeriodControl } from './dashboard';
import type { Period } from './search';

interface SessionsProps {
  period: Period;
  onChange: (period: Period) => void;
  link: (id: string) => ReactNode;
}

const MOST = 200;

/** Conversations: requests that were sent under one session id. */
export function Sessions({ period, onChange, link }: SessionsProps) {
  const { t } = useWords();
  const team = useTeam();
  const sessions = useUsage({ teamId: team.id, period, by: ['session'], limit: MOST });
  const latency = useLatency({ teamId: team.id, period, by: ['session'] });
  return (
    <Page title={t('usage:sessions.title')} lead={t('usage:sessions.lead')} actions={<PeriodControl period={period} onChange={onChange} />}>
      <Panel>
        <Loaded query={sessions}>
          {(read) => {
            const lines = read.data.filter((line) => line.session !== null && line.session !== '');
            return lines.length === 0 ? (
              <Empty icon={<IconStack2 />} title={t('usage:sessions.empty')} text={t('usage:sessions.emptyText')} />
            ) : (
              <Breakdown caption={t('usage:sessions.title')} lines={lines} group="session" latency={latency.data ?? []} show={link} />
            );
          }}
        </Loaded>
      </Panel>
    </Page>
  );
}
