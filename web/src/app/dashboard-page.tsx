import { useNavigate, useSearch } from '@tanstack/react-router';

import { useKeys } from '~/features/keys';
import type { LogSearch } from '~/features/logs';
import { useMembers } from '~/features/members';
import { Dashboard, DEFAULT_GROUP, DEFAULT_PERIOD, type Group, type Period } from '~/features/usage';
import { useTeam } from '~/session/me';
import { TextLink } from '~/ui/link';

const DAYS: Record<Period, number> = { h24: 1, d7: 7, d30: 30, d90: 90 };
const FILTER: Record<Group, keyof LogSearch> = {
  model: 'model',
  provider: 'provider',
  key: 'key_id',
  member: 'member_id',
  user: 'user',
  session: 'session_id',
};

/** Usage, with the names of keys and members, and the way into the log of requests. */
export function DashboardPage() {
  const team = useTeam();
  const navigate = useNavigate();
  const { period = DEFAULT_PERIOD, by = DEFAULT_GROUP } = useSearch({ from: '/shell/teams/$teamId/dashboard' });
  const keys = useKeys(team.id).data ?? [];
  const members = useMembers(team.id).data ?? [];
  const names: Partial<Record<Group, Map<string, string>>> = {
    key: new Map(keys.map(({ id, name }) => [id, name])),
    member: new Map(members.map(({ user_id, name, email }) => [user_id, name || email])),
  };
  return (
    <Dashboard
      period={period}
      group={by}
      onChange={(next) => void navigate({ to: '.', search: next, replace: true })}
      nameOf={(group, id) => names[group]?.get(id) ?? id}
      link={(group, id, name) => (
        <TextLink to="/teams/$teamId/logs" params={{ teamId: team.id }} search={{ days: DAYS[period], [FILTER[group]]: id }} fw={550}>
          {name}
        </TextLink>
      )}
    />
  );
}
