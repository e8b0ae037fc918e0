/** Counts, shares and durations in the reader's writing. Money has a module of its own. */
export function count(value: number, language: string): string {
  return new Intl.NumberFormat(language).format(value);
}

/** `1.2M`, for where there is little room; the exact number belongs into the title. */
export function compact(value: number, language: string): string {
  return new Intl.NumberFormat(language, { notation: 'compact', maximumFractionDigits: 1 }).format(value);
}

export function percent(part: number, whole: number, language: string): string {
  const format = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 1 });
  return format.format(whole === 0 ? 0 : part / whole);
}

/** How much more or less than before: `+12 %`; null where there was nothing before. */
export function change(now: number, before: number, language: string): string | null {
  if (before === 0) return null;
  const format = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 0, signDisplay: 'exceptZero' });
  return format.format((now - before) / before);
}

const SECOND_MS = 1000;

/** `412 ms`, `2.9 s`. */
export function duration(ms: number | null | undefined, language: string): string {
  if (ms == null) return '–';
  const [value, unit, digits] = ms < SECOND_MS ? [ms, 'millisecond', 0] : [ms / SECOND_MS, 'second', 2];
  return new Intl.NumberFormat(language, { style: 'unit', unit: unit as string, maximumFractionDigits: digits as number }).format(
    value as number,
  );
}
