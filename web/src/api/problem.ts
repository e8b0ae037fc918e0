/** What went wrong with a call, in the API's own terms; `status` 0 is no answer at all. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly param: string | null = null,
    readonly requestId: string | null = null,
    readonly retryAfterS: number | null = null,
  ) {
    super(message);
    this.name = 'Problem';
  }

  /** Whether the control plane, and not the request, is in trouble: trying again is right. */
  get unreachable(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 503 || this.status === 504;
  }
}

interface Told {
  code?: unknown;
  message?: unknown;
  param?: unknown;
  request_id?: unknown;
}

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** The error that `response` tells; one that is not ours (a proxy's page) keeps its status. */
export async function problemOf(response: Response): Promise<Problem> {
  const body: unknown = await response.json().catch(() => null);
  const told = (body as { error?: Told } | null)?.error ?? {};
  const wait = Number(response.headers.get('retry-after') ?? Number.NaN);
  return new Problem(
    response.status,
    text(told.code) ?? 'unknown',
    text(told.message) ?? `status ${response.status}`,
    text(told.param),
    text(told.request_id) ?? response.headers.get('x-request-id'),
    Number.isFinite(wait) ? wait : null,
  );
}
