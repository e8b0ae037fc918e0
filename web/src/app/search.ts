/** What addresses say, as far as it is one of ours. */
interface NextSearch {
  next?: string | undefined;
  error?: string | undefined;
}
const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);
export const withModel = (search: Record<string, unknown>): { model?: string | undefined; replay?: string | undefined } => ({
  model: text(search.model),
  replay: text(search.replay),
});
/** Only a path of ours: an address given by a link must not lead elsewhere after signing in. */
export const withNext = (search: Record<string, unknown>): NextSearch => {
  const next = text(search.next);
  const error = text(search.error);
  return {
    next: next !== undefined && /^\/(?![/\\])/.test(next) ? next : undefined,
    error: error !== undefined && /^[a-z_]{1,64}$/.test(error) ? error : undefined,
  };
};
