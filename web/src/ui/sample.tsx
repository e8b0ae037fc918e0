import { SegmentedControl } from '@mantine/core';
import { useState } from 'react';

import { useWords } from '~/i18n/use-words';

import { CodeBlock } from './copy';
import css from './kit.module.css';
import { type SampleName, SAMPLES } from './samples';

/** A first call of `model` in three languages. */
export function Sample({ model }: { model: string }) {
  const { t } = useWords();
  const [sample, setSample] = useState<SampleName>('curl');
  return (
    <div className={css.sample}>
      <SegmentedControl
        size="xs"
        aria-label={t('app:sample.language')}
        value={sample}
        onChange={(value) => setSample(value as SampleName)}
        data={[
          { value: 'curl', label: 'curl' },
          { value: 'python', label: 'Python' },
          { value: 'node', label: 'Node.js' },
        ]}
      />
      <CodeBlock code={SAMPLES[sample](`${window.location.origin}/v1`, model)} label={t('app:sample.code')} />
    </div>
  );
}
