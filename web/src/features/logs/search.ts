/** What the address says of which requests are wanted; everything left out is anything. */
export interface LogSearch {
  days?: number | undefined;
  ending?: Ending | undefined;
  status?: string | undefined;
  model?: string | undefined;
  provider?: string | undefined;
  key_id?: string | undefined;
  member_id?: string | undefined;
  session_id?: string | undefined;
  user?: string | undefined;
  id?: string | undefined;
}

export const ENDINGS = ['completed', 'client_gone', 'upstream_broke', 'refused', 'failed', 'void'] as const;
export type Ending = (typeof ENDINGS)[number];
export const DAYS = [1, 7, 30, 90] as const;

const text = (value: unknown): string | undefined =>
  (typeof value === 'string' && value !== '') || typeof value === 'number' ? String(value).slice(0, 256) : undefined;

/** The search of an address, as far as it is one of ours. */
export function logSearch(search: Record<string, unknown>): LogSearch {
  const status = text(search.status);
  return {
    days: DAYS.find((days) => days === Number(search.days)),
    ending: ENDINGS.find((ending) => ending === search.ending),
    status: status !== undefined && /^([1-5][0-9]{2}|[1-5]xx)$/.test(status) ? status : undefined,
    model: text(search.model),
    provider: text(search.provider),
    key_id: text(search.key_id),
    member_id: text(search.member_id),
    session_id: text(search.session_id),
    user: text(search.user),
    id: text(search.id),
  };
}
