/**
 * Money as the API gives it: whole nano-dollars. Nothing here adds or multiplies amounts; it only
 * writes them, and reads what a person typed.
 */
const NANOS = 1_000_000_000n;

/** A JSON number or string of nanos. A number beyond 2^53 has lost digits already: refused. */
export function nanos(value: number | string | bigint): bigint {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    throw new RangeError(`${value} nanos came as a number that cannot hold it`);
  }
  return BigInt(value);
}

/**
 * `$1,234.50`, in the reader's grouping. Between two and nine places, as many as the amount has, or
 * `places` of them cut off towards zero: a balance is never shown larger than it is.
 */
export function formatMoney(value: number | string | bigint, language: string, places = 9): string {
  const amount = nanos(value);
  const sign = amount < 0n ? '−' : '';
  const size = amount < 0n ? -amount : amount;
  const fraction = (size % NANOS).toString().padStart(9, '0').slice(0, places);
  const shown = fraction.replace(/0+$/, '').padEnd(Math.min(2, places), '0');
  const whole = new Intl.NumberFormat(language).format(size / NANOS);
  return `${sign}$${whole}${shown === '' ? '' : `.${shown}`}`;
}

/** What a person typed ("12", "12.50", "1,200") as nanos; `null` when it is not an amount. */
export function parseMoney(typed: string): bigint | null {
  const match = /^\$?(\d{1,3}(?:,\d{3})+|\d{1,12})(?:\.(\d{1,9}))?$/.exec(typed.trim());
  if (match?.[1] === undefined) return null;
  return BigInt(match[1].replaceAll(',', '')) * NANOS + BigInt((match[2] ?? '').padEnd(9, '0'));
}

/** What `parseMoney` reads back as the same amount, for a form that edits it. */
export function plainMoney(value: number | string | bigint): string {
  const amount = nanos(value);
  const fraction = (amount % NANOS).toString().padStart(9, '0').replace(/0+$/, '');
  return fraction === '' ? `${amount / NANOS}` : `${amount / NANOS}.${fraction.padEnd(2, '0')}`;
}

const PRICE_PLACES = 15;

/** Dollars a unit, as a decimal string of the API, in nanos a million units: exact, it has 15 places. */
export function perMillion(price: string): bigint | null {
  const match = /^(\d{1,6})(?:\.(\d{1,15}))?$/.exec(price);
  if (match?.[1] === undefined) return null;
  return BigInt(match[1] + (match[2] ?? '').padEnd(PRICE_PLACES, '0'));
}

/** How much of `whole` is `part`, in per cent from 0 to 100: for a bar, not for a sum. */
export function share(part: number | string | bigint, whole: number | string | bigint): number {
  const of = nanos(whole);
  if (of <= 0n) return 0;
  return Math.min(100, Math.max(0, Number((nanos(part) * 1000n) / of) / 10));
}

/** Dollars for the height of a bar: a picture, not a sum. */
export function height(value: number | string): number {
  return Number(nanos(value) / 1000n) / 1_000_000;
}
