export const PERIODS = ['h24', 'd7', 'd30', 'd90'] as const;
export type Period = (typeof PERIODS)[number];
export const GROUPS = ['model', 'provider', 'key', 'member', 'user', 'session'] as const;
export type Group = (typeof GROUPS)[number];

/** What an address says of a period, a week where it says nothing of ours. */
export function withPeriod(search: Record<string, unknown>): { period: Period } {
  return { period: PERIODS.find((each) => each === search.period) ?? 'd7' };
}

export function withUsage(search: Record<string, unknown>): { period: Period; by: Group } {
  return { ...withPeriod(search), by: GROUPS.find((each) => each === search.by) ?? 'model' };
}
