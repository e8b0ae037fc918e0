import { beforeEach, expect, it, vi } from 'vitest';

import { api, forgetCsrfToken, keepDigits, onStepUp, urlOf, wireAmount, write } from '~/api/client';
import { Problem } from '~/api/problem';

const asked = vi.fn<(url: string, init: RequestInit) => Promise<Response>>();
const json = (body: unknown, status = 200) => Promise.resolve(Response.json(body, { status }));
const told = (status: number, code: string) => json({ error: { code, message: 'no' } }, status);
const headersOf = (call: number) => asked.mock.calls[call]?.[1].headers as Record<string, string>;

beforeEach(() => {
  asked.mockReset();
  forgetCsrfToken();
  vi.stubGlobal('fetch', asked);
});

it('sends the token of the session with what changes something, and with nothing else', async () => {
  asked.mockImplementation(() => json({ csrf_token: 'abc', teams: [] }));
  await api.get('/api/v1/me');
  await api.post('/api/v1/auth/sign-out');
  expect(headersOf(0)['x-csrf-token']).toBeUndefined();
  expect(headersOf(1)['x-csrf-token']).toBe('abc');
});

it('says which version a change was made for', async () => {
  asked.mockImplementation(() => json({}));
  await api.patch('/api/v1/teams/{team_id}', { path: { team_id: 't/1' }, body: { name: 'A' }, version: 3 });
  expect(asked.mock.calls[0]?.[0]).toBe('/api/v1/teams/t%2F1');
  expect(headersOf(0)['if-match']).toBe('"3"');
});

it('tries a read again when nobody answers, and gives up', async () => {
  asked.mockImplementation(() => Promise.reject(new TypeError('failed to fetch')));
  await expect(api.get('/api/v1/me')).rejects.toMatchObject({ status: 0, unreachable: true });
  expect(asked).toHaveBeenCalledTimes(3);
  asked.mockReset();
  asked.mockImplementationOnce(() => told(503, 'control_unavailable')).mockImplementation(() => json({ teams: [] }));
  await expect(api.get('/api/v1/me')).resolves.toEqual({ teams: [] });
});

it('never does twice what changes something', async () => {
  asked.mockImplementation(() => told(503, 'control_unavailable'));
  await expect(api.post('/api/v1/auth/sign-out')).rejects.toBeInstanceOf(Problem);
  expect(asked).toHaveBeenCalledTimes(1);
});

it('does not try again what was refused', async () => {
  asked.mockImplementation(() => told(403, 'permission_missing'));
  await expect(api.get('/api/v1/me')).rejects.toMatchObject({ status: 403, code: 'permission_missing' });
  expect(asked).toHaveBeenCalledTimes(1);
});

it('asks for a fresh proof once, and then does what was refused', async () => {
  asked.mockImplementationOnce(() => told(403, 'step_up_required')).mockImplementation(() => json({}));
  const ask = vi.fn(() => Promise.resolve(true));
  const stop = onStepUp(ask);
  await api.delete('/api/v1/me/totp');
  expect([ask.mock.calls.length, asked.mock.calls.length]).toEqual([1, 2]);
  asked.mockImplementation(() => told(403, 'step_up_required'));
  await expect(api.delete('/api/v1/me/totp')).rejects.toMatchObject({ code: 'step_up_required' });
  expect(ask).toHaveBeenCalledTimes(2);
  stop();
});

it('tells an abort from an answer that did not come', async () => {
  const abort = new AbortController();
  asked.mockImplementation((_, init) => Promise.reject(init.signal?.reason ?? new TypeError('failed')));
  abort.abort();
  await expect(api.get('/api/v1/me', { signal: abort.signal })).rejects.toMatchObject({ name: 'AbortError' });
});

it('keeps every digit of an amount, in and out', () => {
  expect(JSON.parse(keepDigits('{"limit_nanos": 9007199254740993, "at_ns": 1764000000000000000}'))).toEqual({
    limit_nanos: '9007199254740993',
    at_ns: 1764000000000000000,
  });
  const text = '{"note":"\\"x_nanos\\":12345678901234567,"}';
  expect(keepDigits(text)).toBe(text);
  expect(write({ limit_nanos: wireAmount(9007199254740993n) })).toBe('{"limit_nanos":9007199254740993}');
});

it('fills a path, and refuses one that would mean another', () => {
  expect(urlOf('/a/{id}/b', { id: 'x y' }, { limit: 5, after: undefined })).toBe('/a/x%20y/b?limit=5');
  expect(() => urlOf('/a/{id}', { id: '' })).toThrow(TypeError);
});
