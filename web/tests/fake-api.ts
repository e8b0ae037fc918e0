import { vi } from 'vitest';

type Handler = (body: unknown, url: URL) => unknown;

export interface Refusal {
  status: number;
  code: string;
}
export const refuse = (status: number, code: string): Refusal => ({ status, code });
const isRefusal = (answer: unknown): answer is Refusal =>
  typeof answer === 'object' && answer !== null && 'status' in answer && 'code' in answer;

/** Answers in the API's shape, for component tests alone: the browser tests use the real product. */
export class FakeApi {
  readonly asked: { route: string; body: unknown }[] = [];
  readonly #routes = new Map<string, Handler>();

  constructor() {
    this.on('GET /readyz', () => ({}));
    vi.stubGlobal('fetch', (url: string, init: RequestInit) => this.#answer(url, init));
  }

  /** `route` is "GET /path"; a later handler takes the place of an earlier one. */
  on(route: string, handler: Handler): this {
    this.#routes.set(route, handler);
    return this;
  }

  signedIn(role: string): this {
    return this.on('GET /api/v1/me', () => ({
      user: {
        id: 'usr_1',
        email: 'mina@example.com',
        name: 'Mina',
        locale: 'en',
        has_password: true,
        email_verified: true,
        factors: [],
        created_at_ns: 0,
      },
      teams: [{ id: 'team_1', name: 'Research', role }],
      platform_role: null,
      csrf_token: 'csrf',
    }));
  }

  last(route: string): unknown {
    return this.asked.findLast((each) => each.route === route)?.body;
  }

  #answer(path: string, init: RequestInit): Promise<Response> {
    const url = new URL(path, 'http://localhost');
    const route = `${init.method ?? 'GET'} ${url.pathname}`;
    const body: unknown = typeof init.body === 'string' ? JSON.parse(init.body) : undefined;
    this.asked.push({ route, body });
    const answer = this.#routes.get(route)?.(body, url) ?? refuse(404, 'not_found');
    if (isRefusal(answer)) {
      const error = { code: answer.code, message: `refused: ${answer.code}`, request_id: 'req_1' };
      return Promise.resolve(Response.json({ error }, { status: answer.status }));
    }
    return Promise.resolve(Response.json(answer));
  }
}

export const KEY = {
  id: 'key_1',
  team_id: 'team_1',
  name: 'search',
  kind: 'inference',
  hint: 'og_live_...3fQk',
  models: [],
  providers: [],
  ips: [],
  metadata: {},
  rpm: 600,
  tpm: null,
  concurrency: null,
  body_logging: null,
  limit_usd: '50',
  limit_nanos: 50_000_000_000,
  limit_reset: 'monthly',
  include_byok_in_limit: false,
  disabled: false,
  created_by: 'usr_1',
  created_at_ns: 1_764_000_000_000_000_000,
  expires_at_ns: null,
  revoked_at_ns: null,
  last_used_at_ns: null,
  old_until_ns: null,
  version: 3,
};
