import { lazy, type ReactNode, Suspense, useEffect, useState } from 'react';

import { onStepUp } from '~/api/client';

type Answer = (proved: boolean) => void;

/** Rarely needed, and what it is made of is not small: it comes when it is asked for. */
const StepUp = lazy(() => import('./step-up-dialog').then((module) => ({ default: module.StepUp })));

/**
 * What cannot be undone asks for a fresh proof of who one is. The client hears of it, this asks,
 * and the call that was refused is made again: no page has to know.
 */
export function StepUpProvider({ children }: { children: ReactNode }) {
  const [answer, setAnswer] = useState<Answer | null>(null);
  useEffect(() => onStepUp(() => new Promise((resolve) => setAnswer(() => resolve))), []);
  const finish = (proved: boolean) => {
    answer?.(proved);
    setAnswer(null);
  };
  return (
    <>
      {children}
      {answer !== null && (
        <Suspense>
          <StepUp onDone={() => finish(true)} onClose={() => finish(false)} />
        </Suspense>
      )}
    </>
  );
}
