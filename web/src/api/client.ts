/**
 * The thin client of the control API. Its types come from `schema.ts`, which is generated from the
 * API's own description; what it adds is the CSRF header, the error type, and patience with reads.
 */
import { Problem, problemOf } from './problem';
import type { paths } from './schema';

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';
type PathsWith<M extends Method> = {
  [P in keyof paths]: paths[P] extends Record<M, { responses: unknown }> ? P : never;
}[keyof paths];
type Operation<P, M extends Method> = P extends keyof paths ? paths[P][M & keyof paths[P]] : never;

type Json<R> = R extends { content: { 'application/json': infer T } } ? T : undefined;
type Good<R> = { [S in keyof R & (200 | 201 | 202)]: Json<R[S]> }[keyof R & (200 | 201 | 202)];
export type Answer<P, M extends Method> =
  Operation<P, M> extends { responses: infer R } ? Good<R> : never;

type Body<O> = O extends { requestBody: { content: { 'application/json': infer T } } } ? T : never;
type PathOf<O> = O extends { parameters: { path: infer T } } ? T : never;
/** What is undefined is left out. */
type QueryOf<O> = O extends { parameters: { query?: infer T } } ? { [K in keyof T]: T[K] | undefined } : never;

/** `version` is that of the object which the caller saw: another's change since then is 412. */
interface Common {
  signal?: AbortSignal;
  version?: number;
}
type Part<Name extends string, T> = [T] extends [never] ? object : Record<Name, T>;
type OptionalPart<Name extends string, T> = [T] extends [never] ? object : Partial<Record<Name, T>>;
export type Ask<P, M extends Method> = Common &
  Part<'path', PathOf<Operation<P, M>>> &
  OptionalPart<'query', QueryOf<Operation<P, M>>> &
  Part<'body', Body<Operation<P, M>>>;

interface Loose extends Common {
  path?: Record<string, string>;
  query?: Record<string, unknown>;
  body?: unknown;
}
export type Fetch = (input: string, init: RequestInit) => Promise<Response>;

const READ_TRIES = 3;
const READ_WAIT_MS = 300;
const TIMEOUT_MS = 20_000;

let csrfToken: string | null = null;

/** `/me` tells it, and whatever renews the session; it is lost with the page, as it should be. */
function keepCsrfTokenOf(answer: unknown): void {
  const told = (answer as { csrf_token?: unknown } | null | undefined)?.csrf_token;
  if (typeof told === 'string' && told !== '') csrfToken = told;
}

/** Nobody is signed in any more. */
export function forgetCsrfToken(): void {
  csrfToken = null;
}

export function urlOf(path: string, parts: Record<string, string> = {}, query: object = {}): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = parts[name];
    if (value === undefined || value === '') throw new TypeError(`${path} needs ${name}`);
    return encodeURIComponent(value);
  });
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (Array.isArray(value)) for (const each of value) search.append(name, String(each));
    else if (value !== undefined && value !== null) search.set(name, String(value));
  }
  return search.size > 0 ? `${filled}?${search}` : filled;
}

async function once(method: Method, url: string, ask: Loose): Promise<unknown> {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (ask.body !== undefined) headers['content-type'] = 'application/json';
  if (method !== 'get' && csrfToken !== null) headers['x-csrf-token'] = csrfToken;
  if (ask.version !== undefined) headers['if-match'] = `"${ask.version}"`;
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  let response: Response;
  try {
    response = await fetch(url, {
      method: method.toUpperCase(),
      headers,
      body: ask.body === undefined ? null : write(ask.body),
      signal: ask.signal ? AbortSignal.any([ask.signal, limit]) : limit,
      credentials: 'same-origin',
      cache: 'no-store',
    });
  } catch (error) {
    if (ask.signal?.aborted) throw error;
    throw new Problem(0, 'no_answer', 'no answer');
  }
  if (!response.ok) throw await problemOf(response);
  const body = await response.text();
  const answer: unknown = body === '' ? undefined : JSON.parse(keepDigits(body));
  keepCsrfTokenOf(answer);
  return answer;
}

/**
 * Amounts that a number cannot hold become strings before they are parsed; `i18n/money.ts` takes
 * both. Within a JSON string the quotes would be escaped, so no text of anybody's can match.
 */
export function keepDigits(json: string): string {
  return json.replace(/("\w*nanos":\s*)(-?\d{16,})(?=[\s,}\]])/g, '$1"$2"');
}

const MARK = '\u0000n';

/** JSON with amounts (`bigint`) as plain numbers, every digit of them. */
export function write(body: unknown): string {
  const marked = JSON.stringify(body, (_, value: unknown) =>
    typeof value === 'bigint' ? `${MARK}${value}` : value,
  );
  return marked.replace(/"\\u0000n(-?\d+)"/g, '$1');
}

/** An amount for a body: the generated types call it a number, `write` keeps its digits. */
export function wireAmount(amount: bigint): number {
  return amount as unknown as number;
}

let proveAgain: (() => Promise<boolean>) | null = null;

/** What asks the reader for a fresh proof (403 `step_up_required`); returns how to stop asking it. */
export function onStepUp(ask: () => Promise<boolean>): () => void {
  proveAgain = ask;
  return () => {
    proveAgain = null;
  };
}

/** A read is tried again when nobody answered; anything else could happen twice, so it is not. */
async function request(method: Method, path: string, ask: Loose): Promise<unknown> {
  const url = urlOf(path, ask.path, ask.query);
  for (let tried = 1; ; tried += 1) {
    try {
      return await once(method, url, ask);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (error.code === 'step_up_required' && tried === 1 && (await proveAgain?.())) continue;
      const again = method === 'get' && error.unreachable;
      if (!again || tried >= READ_TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, READ_WAIT_MS * tried));
      ask.signal?.throwIfAborted();
    }
  }
}

type Verb<M extends Method> = <P extends PathsWith<M>>(
  path: P,
  ...ask: object extends Ask<P, M> ? [ask?: Ask<P, M>] : [ask: Ask<P, M>]
) => Promise<Answer<P, M>>;

const verb =
  <M extends Method>(method: M): Verb<M> =>
  (path, ...[ask]) =>
    request(method, path as string, (ask ?? {}) as Loose) as Promise<never>;

export const api = {
  get: verb('get'),
  post: verb('post'),
  put: verb('put'),
  patch: verb('patch'),
  delete: verb('delete'),
};
