import { useParams } from '@tanstack/react-router';

import { startingTeam, type TeamOfMe, useMe } from '~/session/me';

/** The team of the address, or the one that was looked at last. */
export function useCurrentTeam(): TeamOfMe | undefined {
  const me = useMe();
  const { teamId } = useParams({ strict: false });
  return me.teams.find((team) => team.id === teamId) ?? startingTeam(me);
}
