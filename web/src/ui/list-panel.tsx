import type { ReactNode } from 'react';

import { type Column, DataTable } from './data-table';
import { IconSearchOff } from './icons';
import { Panel } from './page';
import { Empty, Loaded } from './states';

/** What of a paged list is needed here. */
interface Listed<Row> {
  data: Row[] | undefined;
  error: Error | null;
  refetch: () => unknown;
  hasNextPage?: boolean;
  isFetchingNextPage?: boolean;
  fetchNextPage?: () => unknown;
}

interface ListPanelProps<Row> {
  title: string;
  /** The page's own heading says it already. */
  untitled?: boolean;
  note?: ReactNode;
  action?: ReactNode;
  list: Listed<Row>;
  columns: Column<Row>[];
  rowId: (row: Row) => string;
  icon?: ReactNode;
  empty: string;
  emptyText: string;
}

/** A list with its four states: on its way, failed, empty, there. */
export function ListPanel<Row extends object>(props: ListPanelProps<Row>) {
  const { title, untitled = false, note, action, list, columns, rowId, icon, empty, emptyText } = props;
  return (
    <Panel {...(untitled ? {} : { title, note, action })} flush>
      <Loaded query={list}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty icon={icon ?? <IconSearchOff />} title={empty} text={emptyText} />
          ) : (
            <DataTable
              caption={title}
              columns={columns}
              rows={rows}
              rowId={rowId}
              more={
                list.hasNextPage === true
                  ? { load: () => void list.fetchNextPage?.(), loading: list.isFetchingNextPage === true }
                  : undefined
              }
            />
          )
        }
      </Loaded>
    </Panel>
  );
}
