import { useEffect, useState } from 'react';

import { urlOf } from '~/api/client';

import { type Log, queryOf } from './api';
import type { LogSearch } from './search';

const MOST = 500;
const TOGETHER_MS = 250;
const NOTHING: Log[] = [];

/** Requests as they end, newest first, while `on`. A burst is shown at once, not row by row. */
export function useTail(teamId: string, search: LogSearch, on: boolean): Log[] {
  // Its period begins now, whatever the list shows.
  const url = on ? urlOf('/api/v1/logs/tail', {}, queryOf(teamId, { ...search, days: undefined })) : null;
  const [come, setCome] = useState<{ url: string; rows: Log[] } | null>(null);
  useEffect(() => {
    if (url === null) return undefined;
    const source = new EventSource(url);
    let waiting: Log[] = [];
    const timer = setInterval(() => {
      if (waiting.length === 0) return;
      const newest = waiting.reverse();
      waiting = [];
      setCome((shown) => ({ url, rows: [...newest, ...(shown?.url === url ? shown.rows : [])].slice(0, MOST) }));
    }, TOGETHER_MS);
    source.addEventListener('request', (event: MessageEvent<string>) => {
      waiting.push(JSON.parse(event.data) as Log);
      if (waiting.length > MOST) waiting.shift();
    });
    return () => {
      clearInterval(timer);
      source.close();
    };
  }, [url]);
  return come !== null && come.url === url ? come.rows : NOTHING;
}
