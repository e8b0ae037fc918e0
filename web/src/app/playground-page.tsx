import { useSearch } from '@tanstack/react-router';

import { RequestCost } from '~/features/logs';
import { Playground } from '~/features/playground';
import { useTeam } from '~/session/me';

/** Trying models, and what their requests cost: two slices. */
export function PlaygroundPage() {
  const team = useTeam();
  const { model } = useSearch({ from: '/shell/teams/$teamId/playground' });
  return <Playground model={model} costOf={(requestId) => <RequestCost teamId={team.id} requestId={requestId} />} />;
}
