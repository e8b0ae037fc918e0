import { parseMoney, plainMoney } from '~/i18n/money';
import { dateOf, nsOf } from '~/i18n/time';

import type { Key, NewKey } from './api';

export type Reset = NonNullable<NewKey['limit_reset']>;

/** What the form holds: text as typed, "" for "no limit". */
export interface KeyValues {
  name: string;
  management: boolean;
  expiry: 'never' | '7' | '30' | '90' | 'date';
  expiryDate: string;
  limit: string;
  reset: 'never' | Reset;
  rpm: string;
  tpm: string;
  concurrency: string;
  models: string[];
  providers: string[];
  ips: string[];
  metadata: string[];
  bodyLogging: 'team' | 'on' | 'off';
  strict: boolean;
}

const DAY_MS = 86_400_000;
export const NEVER = 'never';
export const RESETS: Reset[] = ['daily', 'weekly', 'monthly'];

export const EMPTY: KeyValues = {
  name: '',
  management: false,
  expiry: NEVER,
  expiryDate: '',
  limit: '',
  reset: NEVER,
  rpm: '',
  tpm: '',
  concurrency: '',
  models: [],
  providers: [],
  ips: [],
  metadata: [],
  bodyLogging: 'team',
  strict: false,
};

const shown = (value: number | null | undefined) => (value == null ? '' : String(value));

export function valuesOf(key: Key): KeyValues {
  return {
    name: key.name,
    management: key.kind === 'management',
    expiry: key.expires_at_ns == null ? NEVER : 'date',
    expiryDate: key.expires_at_ns == null ? '' : localDay(dateOf(key.expires_at_ns)),
    limit: key.limit_nanos == null ? '' : plainMoney(key.limit_nanos),
    reset: (key.limit_reset as Reset | null) ?? NEVER,
    rpm: shown(key.rpm),
    tpm: shown(key.tpm),
    concurrency: shown(key.concurrency),
    models: key.models,
    providers: key.providers,
    ips: key.ips,
    metadata: Object.entries(key.metadata).map(([name, value]) => `${name}=${value}`),
    bodyLogging: key.body_logging == null ? 'team' : key.body_logging ? 'on' : 'off',
    strict: key.strict_parameters,
  };
}

type Limits = Omit<NewKey, 'name' | 'kind'>;

/** The form's values as the API takes them; a field that is empty is "no limit". */
export function limitsOf(values: KeyValues, now = Date.now()): Limits {
  const limit = values.limit.trim() === '' ? null : parseMoney(values.limit);
  return {
    expires_at_ns: expiryOf(values, now),
    limit_usd: limit === null ? null : plainMoney(limit),
    limit_reset: limit === null || values.reset === NEVER ? null : values.reset,
    rpm: countOf(values.rpm),
    tpm: countOf(values.tpm),
    concurrency: countOf(values.concurrency),
    models: values.models,
    providers: values.providers,
    ips: values.ips,
    metadata: Object.fromEntries(values.metadata.map(pairOf)),
    body_logging: values.bodyLogging === 'team' ? null : values.bodyLogging === 'on',
    strict_parameters: values.strict,
  };
}

export function isCount(text: string): boolean {
  return text.trim() === '' || /^[1-9]\d{0,8}$/.test(text.trim());
}

export function isPair(text: string): boolean {
  return /^[^=\s][^=]*=.*$/.test(text);
}

function countOf(text: string): number | null {
  return text.trim() === '' ? null : Number(text);
}

function pairOf(text: string): [string, string] {
  const at = text.indexOf('=');
  return [text.slice(0, at).trim(), text.slice(at + 1).trim()];
}

/** A day means its end where the reader is: a key that "expires on the 5th" works on the 5th. */
function expiryOf({ expiry, expiryDate }: KeyValues, now: number): number | null {
  if (expiry === NEVER) return null;
  if (expiry === 'date') return expiryDate === '' ? null : nsOf(new Date(`${expiryDate}T23:59:59`));
  return nsOf(new Date(now + Number(expiry) * DAY_MS));
}

export function localDay(date: Date): string {
  const two = (part: number) => String(part).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

export type KeyState = 'active' | 'disabled' | 'expired' | 'revoked';

export function stateOf(key: Key, now = Date.now()): KeyState {
  if (key.revoked_at_ns != null) return 'revoked';
  if (key.expires_at_ns != null && dateOf(key.expires_at_ns).getTime() <= now) return 'expired';
  return key.disabled ? 'disabled' : 'active';
}
