import { Button } from '@mantine/core';
import { type ColumnDef, tableFeatures, useTable } from '@tanstack/react-table';
import type { ReactNode } from 'react';

import { useWords } from '~/i18n/use-words';
import css from './kit.module.css';

const features = tableFeatures({});

export interface Column<Row> {
  id: string;
  /** Its name; a narrow screen shows it before each cell. */
  name: string;
  cell: (row: Row) => ReactNode;
  /** Numbers stand at the end, so that their digits line up. */
  end?: boolean;
  /** A menu of actions: its name is read, not shown. */
  menu?: boolean;
}

interface DataTableProps<Row> {
  caption: string;
  columns: Column<Row>[];
  rows: Row[];
  rowId: (row: Row) => string;
  more?: { load: () => void; loading: boolean } | undefined;
}

export function DataTable<Row extends object>({ caption, columns, rows, rowId, more }: DataTableProps<Row>) {
  const { t } = useWords();
  const definitions: ColumnDef<typeof features, Row>[] = columns.map((column) => ({
    id: column.id,
    header: column.name,
    cell: ({ row }) => column.cell(row.original),
  }));
  const table = useTable({ features, columns: definitions, data: rows, getRowId: rowId });
  const of = new Map(columns.map((column) => [column.id, column]));
  const end = (id: string) => (of.get(id)?.end ? css.end : undefined);
  return (
    <>
      <div className={css.tableFrame}>
        {/* The roles are spelt out because a narrow screen shows rows as blocks, which takes them away. */}
        <table className={css.table} role="table" aria-label={caption}>
          <thead role="rowgroup">
            {table.getHeaderGroups().map((group) => (
              <tr key={group.id} role="row">
                {group.headers.map((header) => (
                  <th key={header.id} role="columnheader" scope="col" className={end(header.column.id)}>
                    {of.get(header.column.id)?.menu ? (
                      <span className="og-visually-hidden">{of.get(header.column.id)?.name}</span>
                    ) : (
                      of.get(header.column.id)?.name
                    )}
                  </th>
                ))}
              </tr>
            ))}
          </thead>
          <tbody role="rowgroup">
            {table.getRowModel().rows.map((row) => (
              <tr key={row.id} role="row">
                {row.getAllCells().map((cell, place) => {
                  const column = of.get(cell.column.id);
                  const kind = column?.menu ? css.menuCell : place === 0 ? css.firstCell : end(cell.column.id);
                  return (
                    <td
                      key={cell.id}
                      role="cell"
                      className={kind}
                      data-label={column?.menu ? undefined : column?.name}
                    >
                      <table.FlexRender cell={cell} />
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
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
