import { useQuery } from '@tanstack/react-query';

import { api } from '~/api/client';
import { useWords } from '~/i18n/use-words';
import { Facts } from '~/ui/facts';
import { Page, Panel } from '~/ui/page';
import { Loaded } from '~/ui/states';

import { ReadyDot } from './ready-dot';

/** For anybody who wants to know whether it is this place, or theirs. */
export function StatusPage() {
  const { t } = useWords();
  const version = useQuery({ queryKey: ['version'], queryFn: ({ signal }) => api.get('/api/v1/version', { signal }) });
  return (
    <Page title={t('app:status.title')} lead={t('app:status.lead')}>
      <Panel title={t('app:status.requests')} note={t('app:status.requestsNote')}>
        <ReadyDot />
      </Panel>
      <Panel title={t('app:status.control')} note={t('app:status.controlNote')}>
        <Loaded query={version} rows={1}>
          {(now) => (
            <Facts
              rows={[
                [t('app:status.version'), now.version],
                [t('app:status.zone'), now.zone],
              ]}
            />
          )}
        </Loaded>
      </Panel>
    </Page>
  );
}
