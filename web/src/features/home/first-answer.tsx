import { Loader } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';

import { api } from '~/api/client';
import { duration } from '~/i18n/numbers';
import { useWords } from '~/i18n/use-words';
import { useTeam } from '~/session/me';
import { Money } from '~/ui/amounts';
import { IconCircleCheck } from '~/ui/icons';
import { TextLink } from '~/ui/link';

import css from './home.module.css';

const EVERY_MS = 2_000;

/** The guide's last step: it waits until the team's first request has an answer, and shows it. */
export function FirstAnswer() {
  const { t, language } = useWords();
  const team = useTeam();
  const allowed = team.may('logs.read');
  const first = useQuery({
    queryKey: ['team', team.id, 'first-answer'],
    enabled: allowed,
    queryFn: async ({ signal }) => {
      const query = { team_id: team.id, ending: 'completed', limit: 1 } as const;
      return (await api.get('/api/v1/logs', { signal, query })).data[0] ?? null;
    },
    refetchInterval: (query) => (query.state.data == null ? EVERY_MS : false),
  });
  if (!allowed || first.data === undefined) return null;
  if (first.data === null) {
    return (
      <p className={css.waiting} role="status">
        <Loader size={14} aria-hidden /> {t('home:start.waiting')}
      </p>
    );
  }
  const log = first.data;
  return (
    <p className={css.answered} role="status">
      <IconCircleCheck size={18} aria-hidden />
      <span>
        {t('home:start.answered', { model: log.requested_model, time: duration(log.total_ms, language) })} <Money value={log.cost_nanos} places={6} />
      </span>
      <TextLink to="/teams/$teamId/logs/$requestId" params={{ teamId: team.id, requestId: log.id }} inherit>
        {t('home:start.look')}
      </TextLink>
    </p>
  );
}
