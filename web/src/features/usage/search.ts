export const PERIODS = ['h24', 'd7', 'd30', 'd90'] as const;
export type Period = (typeof PERIODS)[number];
export const GROUPS = ['model', 'provider', 'key', 'member', 'user', 'session'] as const;
export type Group = (typeof GROUPS)[number];

export interface PeriodSearch {
  period?: Period | undefined;
}
export interface UsageSearch extends PeriodSearch {
  by?: Group | undefined;
}
export const DEFAULT_PERIOD: Period = 'd7';
export const DEFAULT_GROUP: Group = 'model';

/** What an address says of a period. */
export function withPeriod(search: Record<string, unknown>): PeriodSearch {
  return { period: PERIODS.find((each) => each === search.period) };
}

export function withUsage(search: Record<string, unknown>): UsageSearch {
  return { ...withPeriod(search), by: GROUPS.find((each) => each === search.by) };
}
