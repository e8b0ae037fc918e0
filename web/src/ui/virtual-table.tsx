import { Button } from '@mantine/core';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { type ReactNode, useEffect, useLayoutEffect, useRef, useState } from 'react';

import { useWords } from '~/i18n/use-words';

import css from './virtual.module.css';

export interface VirtualColumn<Row> {
  id: string;
  name: string;
  cell: (row: Row) => ReactNode;
  /** Its share of the width, as CSS grid has it. */
  width: string;
  end?: boolean;
}

interface VirtualTableProps<Row> {
  caption: string;
  columns: VirtualColumn<Row>[];
  rows: Row[];
  rowId: (row: Row) => string;
  more: { load: () => void; loading: boolean } | undefined;
}

const ROW_PX = 49;
const CARD_PX = 132;
const NARROW = '(max-width: 47.99em)';

function useNarrow(): boolean {
  const [narrow, setNarrow] = useState(() => window.matchMedia(NARROW).matches);
  useEffect(() => {
    const query = window.matchMedia(NARROW);
    const tell = () => setNarrow(query.matches);
    query.addEventListener('change', tell);
    return () => query.removeEventListener('change', tell);
  }, []);
  return narrow;
}

/** A list of any length: only the rows within sight are in the document. More come as one scrolls. */
export function VirtualTable<Row>({ caption, columns, rows, rowId, more }: VirtualTableProps<Row>) {
  const { t } = useWords();
  const narrow = useNarrow();
  const body = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  useLayoutEffect(() => {
    setTop((body.current?.getBoundingClientRect().top ?? 0) + window.scrollY);
  }, [narrow]);
  const size = narrow ? CARD_PX : ROW_PX;
  const list = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => size,
    overscan: 6,
    scrollMargin: top,
  });
  useEffect(() => list.measure(), [list, size]);
  const items = list.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  const nearEnd = more !== undefined && !more.loading && last >= rows.length - 1;
  const load = more?.load;
  useEffect(() => {
    if (nearEnd && window.scrollY > 0) load?.();
  }, [nearEnd, load]);
  const template = { gridTemplateColumns: columns.map((column) => column.width).join(' ') };
  return (
    <>
      <div className={css.table} role="table" aria-label={caption} aria-rowcount={more === undefined ? rows.length + 1 : -1}>
        <div role="rowgroup">
          <div className={css.head} role="row" style={template}>
            {columns.map((column) => (
              <span key={column.id} role="columnheader" data-end={column.end}>
                {column.name}
              </span>
            ))}
          </div>
        </div>
        <div role="rowgroup" ref={body} className={css.body} style={{ height: list.getTotalSize() }}>
          {items.map((item) => {
            const row = rows[item.index];
            if (row === undefined) return null;
            return (
              <div
                key={rowId(row)}
                className={css.row}
                role="row"
                aria-rowindex={item.index + 2}
                style={{ ...(narrow ? {} : template), height: size, transform: `translateY(${item.start - top}px)` }}
              >
                {columns.map((column) => (
                  <div key={column.id} role="cell" data-end={column.end} data-label={column.name}>
                    {column.cell(row)}
                  </div>
                ))}
              </div>
            );
          })}
        </div>
      </div>
      {more !== undefined && (
        <div className={css.more}>
          <Button variant="subtle" onClick={more.load} loading={more.loading}>
            {t('app:action.more')}
          </Button>
        </div>
      )}
    </>
  );
}
