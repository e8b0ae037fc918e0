import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';

import { api } from '~/api/client';
import type { components } from '~/api/schema';

export type Budget = components['schemas']['BudgetView'];
export type NewBudget = components['schemas']['NewBudget'];

const PAGE = 100;
const LIST = '/api/v1/teams/{team_id}/budgets';
const ONE = '/api/v1/teams/{team_id}/budgets/{budget_id}';
const budgetsOf = (teamId: string) => ['team', teamId, 'budgets'];

export function useBudgets(teamId: string) {
  return useInfiniteQuery({
    queryKey: budgetsOf(teamId),
    queryFn: ({ signal, pageParam }) =>
      api.get(LIST, { signal, path: { team_id: teamId }, query: { limit: PAGE, after: pageParam } }),
    initialPageParam: '',
    getNextPageParam: (page) => page.next ?? undefined,
    select: (pages) => pages.pages.flatMap((page) => page.data),
  });
}

export function useCreateBudget(teamId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: NewBudget) => api.post(LIST, { path: { team_id: teamId }, body }),
    onSuccess: () => client.invalidateQueries({ queryKey: budgetsOf(teamId) }),
  });
}

export function useDeleteBudget(teamId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (budget: Budget) =>
      api.delete(ONE, { path: { team_id: teamId, budget_id: budget.id }, version: budget.version }),
    onSuccess: () => client.invalidateQueries({ queryKey: budgetsOf(teamId) }),
  });
}
