import { useNavigate, useSearch } from '@tanstack/react-router';

import { DEFAULT_PERIOD, Sessions } from '~/features/usage';
import { useTeam } from '~/session/me';
import { TextLink } from '~/ui/link';

export function SessionsPage() {
  const team = useTeam();
  const navigate = useNavigate();
  const { period = DEFAULT_PERIOD } = useSearch({ from: '/shell/teams/$teamId/sessions' });
  return (
    <Sessions
      period={period}
      onChange={(next) => void navigate({ to: '.', search: { period: next }, replace: true })}
      link={(id) => (
        <TextLink to="/teams/$teamId/logs" params={{ teamId: team.id }} search={{ session_id: id }} fw={550}>
          {id}
        </TextLink>
      )}
    />
  );
}
