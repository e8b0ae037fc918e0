import type { ReactNode } from 'react';

import css from './kit.module.css';

/** Names and values, as many beside each other as there is room for. */
export function Facts({ rows }: { rows: (readonly [name: string, value: ReactNode])[] }) {
  return (
    <dl className={css.facts}>
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Two lines of one cell: what it is, and what else is to know. */
export function TwoLines({ first, second }: { first: ReactNode; second?: ReactNode }) {
  return (
    <span className={css.two}>
      <span>{first}</span>
      {second !== undefined && <span>{second}</span>}
    </span>
  );
}

export function Filters({ children }: { children: ReactNode }) {
  return <div className={css.filters}>{children}</div>;
}

export function Sections({ children }: { children: ReactNode }) {
  return <div className={css.stack}>{children}</div>;
}
