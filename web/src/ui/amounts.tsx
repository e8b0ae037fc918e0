import { Text, Tooltip } from '@mantine/core';

import { useWords } from '~/i18n/use-words';
import { formatMoney, nanos } from '~/i18n/money';
import { absolute, dateOf, relative } from '~/i18n/time';

import css from './kit.module.css';

interface MoneyProps {
  value: number | string;
  /** Decimal places shown; the exact amount stands in the title. */
  places?: number;
  /** Show a plus before what came in. */
  signed?: boolean;
}

export function Money({ value, places = 4, signed = false }: MoneyProps) {
  const { language } = useWords();
  const plus = signed && nanos(value) > 0n;
  return (
    <span
      className={css.amount}
      data-sign={plus ? 'plus' : undefined}
      title={`${formatMoney(value, language)} USD`}
    >
      {plus ? '+' : ''}
      {formatMoney(value, language, places)}
    </span>
  );
}

/** How long ago or ahead; the exact time with its zone on hover, focus and for screen readers. */
export function When({ ns, none }: { ns: number | null | undefined; none?: string }) {
  const { language } = useWords();
  if (ns == null) return <Text span inherit c="dimmed">{none ?? '–'}</Text>;
  const exact = absolute(ns, language);
  return (
    <Tooltip label={exact}>
      <time className={css.nowrap} dateTime={dateOf(ns).toISOString()} title={exact}>
        {relative(ns, language)}
      </time>
    </Tooltip>
  );
}
