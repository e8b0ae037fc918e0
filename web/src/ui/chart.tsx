import { Bar, BarChart, CartesianGrid, Line, LineChart, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';

import css from './chart.module.css';

export interface Series {
  id: string;
  name: string;
}

export interface ChartProps {
  /** What the picture shows, in a sentence, for who cannot see it. */
  label: string;
  /** One for each point of time: `at` and a number for each series. */
  points: Record<string, number>[];
  series: Series[];
  kind: 'bars' | 'lines';
  time: (at: number) => string;
  value: (value: number) => string;
}

/** Told apart in both themes and by who sees few colours; the order is the legend's. */
const COLOURS = ['var(--og-c1)', 'var(--og-c2)', 'var(--og-c3)', 'var(--og-c4)', 'var(--og-c5)', 'var(--og-c6)', 'var(--og-c7)'];
const HEIGHT_PX = 260;
const TICK = { fontSize: 12, fill: 'var(--mantine-color-dimmed)' };

/** A chart over time; loaded only by pages that show one (`LazyChart`). */
export function Chart({ label, points, series, kind, time, value }: ChartProps) {
  const Frame = kind === 'bars' ? BarChart : LineChart;
  return (
    <figure className={css.chart} role="img" aria-label={label}>
      <ResponsiveContainer width="100%" height={HEIGHT_PX}>
        <Frame data={points} accessibilityLayer={false} margin={{ top: 8, right: 8, bottom: 0, left: 0 }}>
          <CartesianGrid vertical={false} stroke="var(--og-line)" />
          <XAxis dataKey="at" tickFormatter={time} tickLine={false} axisLine={false} minTickGap={32} tick={TICK} />
          <YAxis tickFormatter={value} tickLine={false} axisLine={false} width={64} tick={TICK} />
          <Tooltip
            isAnimationActive={false}
            cursor={{ fill: 'var(--mantine-color-default-hover)' }}
            content={({ active, payload, label: at }) =>
              active === true && payload.length > 0 ? (
                <div className={css.tip}>
                  <strong>{time(Number(at))}</strong>
                  {payload.map((each) => (
                    <span key={String(each.dataKey)}>
                      <i style={{ background: each.color }} />
                      {each.name}: {value(Number(each.value))}
                    </span>
                  ))}
                </div>
              ) : null
            }
          />
          {series.map(({ id, name }, place) =>
            kind === 'bars' ? (
              <Bar key={id} dataKey={id} name={name} stackId="all" fill={COLOURS[place % COLOURS.length] ?? ''} isAnimationActive={false} maxBarSize={36} />
            ) : (
              <Line key={id} dataKey={id} name={name} stroke={COLOURS[place % COLOURS.length] ?? ''} dot={false} strokeWidth={2} isAnimationActive={false} />
            ),
          )}
        </Frame>
      </ResponsiveContainer>
      {series.length > 1 && (
        <ul className={css.legend}>
          {series.map(({ id, name }, place) => (
            <li key={id}>
              <i style={{ background: COLOURS[place % COLOURS.length] }} />
              {name}
            </li>
          ))}
        </ul>
      )}
    </figure>
  );
}
