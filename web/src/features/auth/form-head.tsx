import { Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';

import { useDocumentTitle } from '~/ui/page';

/** Title and a sentence above a form of this feature. */
export function FormHead({ title, lead }: { title: string; lead?: ReactNode }) {
  useDocumentTitle(title);
  return (
    <div style={{ marginBottom: '1.5rem' }}>
      <Title order={1}>{title}</Title>
      {lead !== undefined && (
        <Text c="dimmed" size="sm" mt={6}>
          {lead}
        </Text>
      )}
    </div>
  );
}
