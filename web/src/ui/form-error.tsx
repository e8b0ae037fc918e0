import { Alert } from '@mantine/core';

import { IconAlertCircle } from './icons';
import { useProblemText } from './problem-text';

/** Why a form was not taken, above its buttons and read out at once. */
export function FormError({ error }: { error: Error | null }) {
  const say = useProblemText();
  if (error === null) return null;
  return (
    <Alert color="red" variant="light" icon={<IconAlertCircle size={18} />} role="alert">
      {say(error)}
    </Alert>
  );
}
