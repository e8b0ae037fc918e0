import { type QueryKey, useInfiniteQuery } from '@tanstack/react-query';

interface Page<Row> {
  data: Row[];
  next: string | null;
}

/** A list that comes in pages, as one. `read` gets the cursor of the page. */
export function usePages<Row>(queryKey: QueryKey, read: (after: string, signal: AbortSignal) => Promise<Page<Row>>) {
  return useInfiniteQuery({
    queryKey,
    queryFn: ({ signal, pageParam }) => read(pageParam, signal),
    initialPageParam: '',
    getNextPageParam: (page) => page.next ?? undefined,
    select: (pages) => pages.pages.flatMap((page) => page.data),
  });
}

export type Pages<Row> = ReturnType<typeof usePages<Row>>;
