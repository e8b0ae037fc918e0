import { formatMoney } from '~/i18n/money';
import { change, compact, count, duration, percent } from '~/i18n/numbers';
import { useWords } from '~/i18n/use-words';
import { Money } from '~/ui/amounts';
import { type TileProps, Tiles } from '~/ui/tiles';

import type { Latency, Sums } from './api';

interface FiguresProps {
  total: Sums;
  previous: Sums | null;
  latency: Latency | undefined;
  /** What else stands first: the platform's margin. */
  more?: TileProps[];
}

/** What happened in the period, each against the one before. */
export function Figures({ total, previous, latency, more = [] }: FiguresProps) {
  const { t, language } = useWords();
  const against = (now: number, before: number | undefined) => {
    const changed = before === undefined ? null : change(now, before, language);
    return changed === null ? undefined : t('usage:against', { change: changed });
  };
  const tokens = total.input_tokens + total.output_tokens;
  const first = latency?.first_token_ms;
  const writing = latency?.total_ms;
  const tiles: TileProps[] = [
    { name: t('usage:tile.requests'), value: compact(total.requests, language), exact: count(total.requests, language), note: against(total.requests, previous?.requests) },
    {
      name: t('usage:tile.spend'),
      value: <Money value={total.cost_nanos} places={4} />,
      exact: formatMoney(total.cost_nanos, language),
      note: against(Number(total.cost_nanos), previous === null ? undefined : Number(previous.cost_nanos)),
    },
    {
      name: t('usage:tile.tokens'),
      value: compact(tokens, language),
      exact: `${count(total.input_tokens, language)} / ${count(total.output_tokens, language)}`,
      note: against(tokens, previous === null ? undefined : previous.input_tokens + previous.output_tokens),
    },
    {
      name: t('usage:tile.errors'),
      value: percent(total.failed, total.requests, language),
      exact: count(total.failed, language),
    },
    {
      name: t('usage:tile.failovers'),
      value: compact(total.retried, language),
      exact: count(total.retried, language),
      note: t('usage:tile.failoversNote', { count: count(total.rescued, language) }),
    },
    {
      name: t('usage:tile.first'),
      value: duration(first?.p50, language),
      note: t('usage:tile.p95', { value: duration(first?.p95, language) }),
    },
    {
      name: t('usage:tile.total'),
      value: duration(writing?.p50, language),
      note: t('usage:tile.p95', { value: duration(writing?.p95, language) }),
    },
    {
      name: t('usage:tile.cache'),
      value: percent(total.cached_tokens, total.input_tokens, language),
      exact: count(total.cached_tokens, language),
      note: t('usage:tile.saved', { amount: formatMoney(total.saved_nanos, language, 4) }),
    },
  ];
  return <Tiles tiles={[...more, ...tiles]} />;
}
