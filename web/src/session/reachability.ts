import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState, useSyncExternalStore } from 'react';

import { Problem } from '~/api/problem';

const ASK_AGAIN_MS = 4000;

const onLine = (tell: () => void) => {
  window.addEventListener('online', tell);
  window.addEventListener('offline', tell);
  return () => {
    window.removeEventListener('online', tell);
    window.removeEventListener('offline', tell);
  };
};

export type Reachability = 'ok' | 'offline' | 'down';

/** Whether the browser has a network, and whether the control plane answers what is asked of it. */
export function useReachability(): Reachability {
  const client = useQueryClient();
  const online = useSyncExternalStore(onLine, () => navigator.onLine);
  const [down, setDown] = useState(false);

  useEffect(
    () =>
      client.getQueryCache().subscribe((event) => {
        if (event.type !== 'updated') return;
        if (event.action.type === 'error') {
          const { error } = event.action;
          if (error instanceof Problem && error.unreachable) setDown(true);
        } else if (event.action.type === 'success') setDown(false);
      }),
    [client],
  );

  useEffect(() => {
    if (!down) return undefined;
    const timer = setInterval(() => {
      void fetch('/api/v1/version', { cache: 'no-store' })
        .then((answer) => (answer.ok ? client.invalidateQueries() : undefined))
        .catch(() => undefined); // still down: the next turn asks again
    }, ASK_AGAIN_MS);
    return () => clearInterval(timer);
  }, [client, down]);

  if (!online) return 'offline';
  return down ? 'down' : 'ok';
}
