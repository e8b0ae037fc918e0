/**
 * The way of this page to `/v1`: an hour's key of the signed-in member, kept in memory alone (ADR-0031).
 * It is never written to storage, and is lost with the page as the CSRF token is.
 */
import { api } from './client';
import { Problem, problemOf } from './problem';

interface HeldKey {
  secret: string;
  until: number;
}

const RENEW_BEFORE_MS = 5 * 60_000;
const NEWS_TRIES = 12; // a gateway hears of a new key within moments
const NEWS_WAIT_MS = 250;

const held = new Map<string, Promise<HeldKey>>();

/** Nobody is signed in any more, or the key was refused. */
export function forgetPlaygroundKeys(): void {
  held.clear();
}

async function issue(teamId: string): Promise<HeldKey> {
  const made = await api.post('/api/v1/teams/{team_id}/playground-key', { path: { team_id: teamId } });
  return { secret: made.key ?? '', until: made.expires_at_ns / 1_000_000 };
}

async function keyOf(teamId: string): Promise<HeldKey> {
  const kept = held.get(teamId);
  if (kept !== undefined) {
    const key = await kept.catch(() => null);
    if (key !== null && key.until - Date.now() > RENEW_BEFORE_MS) return key;
  }
  if (held.get(teamId) === kept) held.set(teamId, issue(teamId));
  return held.get(teamId) ?? issue(teamId);
}

export interface DataAsk {
  method?: 'GET' | 'POST';
  body?: unknown;
  signal?: AbortSignal | undefined;
}

/** A call of `/v1` in the member's name. Raises `Problem` for whatever is not a good answer. */
export async function dataPlane(teamId: string, path: string, ask: DataAsk = {}): Promise<Response> {
  let renewed = false;
  for (let tried = 1; ; tried += 1) {
    const key = await keyOf(teamId);
    const response = await send(path, key.secret, ask);
    if (response.ok) return response;
    const problem = await problemOf(response);
    if (response.status !== 401 || tried >= NEWS_TRIES) throw problem;
    if (!renewed && tried > NEWS_TRIES / 2) {
      renewed = true;
      held.delete(teamId); // another tab made two more since, or an admin revoked it
    }
    await new Promise((resolve) => setTimeout(resolve, NEWS_WAIT_MS));
  }
}

async function send(path: string, secret: string, ask: DataAsk): Promise<Response> {
  const headers: Record<string, string> = { authorization: `Bearer ${secret}` };
  if (ask.body !== undefined) headers['content-type'] = 'application/json';
  try {
    return await fetch(path, {
      method: ask.method ?? 'GET',
      headers,
      body: ask.body === undefined ? null : JSON.stringify(ask.body),
      signal: ask.signal ?? null,
      credentials: 'omit',
      cache: 'no-store',
    });
  } catch (error) {
    if (ask.signal?.aborted) throw error;
    throw new Problem(0, 'no_answer', 'no answer');
  }
}

export interface ModelRow {
  id: string;
  name: string;
  kind: string;
  owned_by: string;
  context_length: number | null;
  architecture: { input_modalities: string[]; output_modalities: string[] };
  capabilities: string[];
  pricing: Record<string, string>;
  top_provider: { context_length: number | null; max_completion_tokens: number | null };
  shutdown_date?: string | null;
}

export interface EndpointRow {
  name: string;
  tag: string;
  provider_name: string;
  context_length: number | null;
  max_completion_tokens: number | null;
  pricing: Record<string, string>;
  price_effective_from: string;
  price_source?: string | null;
  region?: string | null;
  country?: string | null;
  quantization?: string | null;
  /** How the zone's requests to it went in the last day; null where they were few. */
  lately: { answered_share: number; first_token_ms: number | null } | null;
}

/** What the team is served. Everybody of the team may see it; asking a model needs a key. */
export async function listModels(teamId: string, signal?: AbortSignal): Promise<ModelRow[]> {
  const found = await api.get('/api/v1/teams/{team_id}/models', { path: { team_id: teamId }, ...(signal && { signal }) });
  return found.data as unknown as ModelRow[];
}

export async function listEndpoints(teamId: string, model: string, signal?: AbortSignal): Promise<EndpointRow[]> {
  const found = await api.get('/api/v1/teams/{team_id}/model-endpoints', {
    path: { team_id: teamId },
    query: { model },
    ...(signal && { signal }),
  });
  return (found.data as unknown as { endpoints: EndpointRow[] }).endpoints;
}
