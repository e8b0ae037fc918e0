import { Skeleton } from '@mantine/core';
import { lazy, Suspense } from 'react';

import type { ChartProps } from './chart';

const Chart = lazy(() => import('./chart').then((module) => ({ default: module.Chart })));

/** The library of charts is larger than the rest of the page: it comes after it. */
export function LazyChart(props: ChartProps) {
  return (
    <Suspense fallback={<Skeleton height={260} />}>
      <Chart {...props} />
    </Suspense>
  );
}
