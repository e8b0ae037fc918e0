import { Group as Row, SegmentedControl } from '@mantine/core';
import { useState } from 'react';

import { compact } from '~/i18n/numbers';
import { useWords } from '~/i18n/use-words';
import { LazyChart } from '~/ui/lazy-chart';
import { Panel } from '~/ui/page';

import type { Line, Span } from './api';
import { type Metric, METRICS, REST, seriesOf } from './series';

interface TrendProps {
  lines: Line[];
  group: string;
  span: Span;
  nameOf: (id: string) => string;
}

/** One measure over time, told apart by a group. */
export function Trend({ lines, group, span, nameOf }: TrendProps) {
  const { t, language } = useWords();
  const [metric, setMetric] = useState<Metric>('requests');
  const { points, series } = seriesOf(lines, group, metric, span);
  const times = new Intl.DateTimeFormat(
    language,
    span.by === 'hour' ? { hour: 'numeric', minute: '2-digit' } : { month: 'short', day: 'numeric' },
  );
  const dollars = new Intl.NumberFormat(language, { style: 'currency', currency: 'USD', maximumSignificantDigits: 3 });
  const value = (amount: number) => (metric === 'spend' ? dollars.format(amount) : compact(amount, language));
  return (
    <Panel
      title={t('usage:trend')}
      action={
        <Row gap="xs">
          <SegmentedControl
            size="xs"
            aria-label={t('usage:metricName')}
            value={metric}
            onChange={(next) => setMetric(METRICS.find((each) => each === next) ?? 'requests')}
            data={METRICS.map((each) => ({ value: each, label: t(`usage:metric.${each}`) }))}
          />
        </Row>
      }
    >
      <LazyChart
        kind="bars"
        label={t('usage:trendLabel', { metric: t(`usage:metric.${metric}`) })}
        points={points}
        series={series.map(({ id, name }) => ({ id, name: name === REST ? t('usage:rest') : nameOf(name) }))}
        time={(at) => times.format(at)}
        value={value}
      />
    </Panel>
  );
}
