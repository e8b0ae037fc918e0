import { useQuery } from '@tanstack/react-query';

import { useWords } from '~/i18n/use-words';
import css from './ready-dot.module.css';

const ASK_EVERY_MS = 10_000;
const LONGEST = 160;

interface Health {
  state: 'ready' | 'notReady' | 'unreachable';
  reason: string;
}

/** `/readyz` in a word. It is the gateway's own and no part of the control API. */
async function health(): Promise<Health> {
  try {
    const answer = await fetch('/readyz', { cache: 'no-store', signal: AbortSignal.timeout(5000) });
    if (answer.ok) return { state: 'ready', reason: '' };
    const body = (await answer.json().catch(() => ({}))) as { reasons?: unknown };
    const reasons = Array.isArray(body.reasons) ? body.reasons.join('; ') : '';
    return { state: 'notReady', reason: reasons.slice(0, LONGEST) };
  } catch {
    return { state: 'unreachable', reason: '' };
  }
}

export function ReadyDot() {
  const { t } = useWords();
  const { data } = useQuery({ queryKey: ['readyz'], queryFn: health, refetchInterval: ASK_EVERY_MS });
  const state = data?.state ?? 'asking';
  return (
    <p className={css.status} role="status">
      <span className={css.dot} data-state={state} aria-hidden="true" />
      {t(`app:ready.${state}`)}
      {data?.reason ? `: ${data.reason}` : ''}
    </p>
  );
}
