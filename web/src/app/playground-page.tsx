import { useSearch } from '@tanstack/react-router';

import { Playground } from '~/features/playground';

/** Trying models, and what their requests cost: two slices. */
export function PlaygroundPage() {
  const { model } = useSearch({ from: '/shell/teams/$teamId/playground' });
  return <Playground model={model} costOf={(requestId) => <code>{requestId}</code>} />;
}
