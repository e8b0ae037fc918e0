import { Skeleton } from '@mantine/core';
import { lazy, Suspense } from 'react';

import type { EditorProps } from './editor';

const Editor = lazy(() => import('./editor').then((module) => ({ default: module.Editor })));

/** The editor is larger than the rest of the page: it comes after it. */
export function LazyEditor(props: EditorProps) {
  return (
    <Suspense fallback={<Skeleton height={230} />}>
      <Editor {...props} />
    </Suspense>
  );
}
