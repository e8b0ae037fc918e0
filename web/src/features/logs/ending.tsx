import { Badge } from '@mantine/core';

import { useWords } from '~/i18n/use-words';

import type { Ending } from './search';

const COLOUR: Record<Ending, string> = {
  completed: 'brand',
  client_gone: 'gray',
  upstream_broke: 'orange',
  refused: 'red',
  failed: 'red',
  void: 'gray',
};

/** How a request ended, with what the caller was answered. */
export function EndingBadge({ ending, status }: { ending: Ending; status?: number }) {
  const { t } = useWords();
  return (
    <Badge variant="light" color={COLOUR[ending]} tt="none" fw={550}>
      {t(`logs:ending.${ending}`)}
      {status !== undefined && status >= 400 ? ` ${status}` : ''}
    </Badge>
  );
}
