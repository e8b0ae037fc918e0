/** Times come as Unix nanoseconds; microseconds are lost in a number, which no page shows. */
const MS_NS = 1_000_000;
const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

export function dateOf(ns: number): Date {
  return new Date(ns / MS_NS);
}

export function nsOf(date: Date): number {
  return date.getTime() * MS_NS;
}

/** "3 hours ago", "in 6 days". Under a minute: "now". */
export function relative(ns: number, language: string, now = Date.now()): string {
  const seconds = (ns / MS_NS - now) / 1000;
  const format = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
  for (const [unit, size] of STEPS) {
    if (Math.abs(seconds) >= size) return format.format(Math.trunc(seconds / size), unit);
  }
  return format.format(0, 'second');
}

/** Date, time and zone, for the exact answer. */
export function absolute(ns: number, language: string): string {
  return new Intl.DateTimeFormat(language, {
    dateStyle: 'medium',
    timeStyle: 'short',
  }).format(dateOf(ns)).concat(' ', zoneName(language, dateOf(ns)));
}

export function day(ns: number, language: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium' }).format(dateOf(ns));
}

function zoneName(language: string, at: Date): string {
  const parts = new Intl.DateTimeFormat(language, { timeZoneName: 'short' }).formatToParts(at);
  return parts.find((part) => part.type === 'timeZoneName')?.value ?? 'UTC';
}
