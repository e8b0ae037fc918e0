import type { ReactNode } from 'react';

import css from './tiles.module.css';

export interface TileProps {
  name: string;
  value: ReactNode;
  /** The exact value, on hover. */
  exact?: string | undefined;
  /** Against the period before, or what else belongs to it. */
  note?: ReactNode;
}

/** Figures beside each other. */
export function Tiles({ tiles }: { tiles: TileProps[] }) {
  return (
    <dl className={css.tiles}>
      {tiles.map(({ name, value, exact, note }) => (
        <div key={name} className={css.tile}>
          <dt>{name}</dt>
          <dd title={exact}>{value}</dd>
          {note !== undefined && <dd className={css.note}>{note}</dd>}
        </div>
      ))}
    </dl>
  );
}
