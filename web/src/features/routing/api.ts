import { useMutation } from '@tanstack/react-query';

import { api } from '~/api/client';
import type { components } from '~/api/schema';

export type Explanation = components['schemas']['Explanation'];
export type Candidate = components['schemas']['ExplainedCandidate'];
export type Exclusion = components['schemas']['ExplainedExclusion'];
export type Wanted = components['schemas']['NewExplanation'];

export function useExplain() {
  return useMutation({ mutationFn: (body: Wanted) => api.post('/api/v1/admin/route-explanations', { body }) });
}
