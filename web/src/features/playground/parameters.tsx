import { NumberInput, Switch, Textarea } from '@mantine/core';

import { useWords } from '~/i18n/use-words';

import css from './playground.module.css';
import { type Parameters, toolsOf } from './run';

const EXAMPLE = `[{"type": "function", "function": {"name": "get_weather",
  "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]`;

interface ParameterFieldsProps {
  value: Parameters;
  onChange: (value: Parameters) => void;
}

const number = (value: string | number): number | '' => (typeof value === 'number' ? value : '');

export function ParameterFields({ value, onChange }: ParameterFieldsProps) {
  const { t } = useWords();
  const set = (part: Partial<Parameters>) => onChange({ ...value, ...part });
  return (
    <div className={css.fields}>
      <Textarea
        label={t('playground:parameter.system')}
        autosize
        minRows={3}
        maxRows={10}
        value={value.system}
        onChange={(event) => set({ system: event.currentTarget.value })}
      />
      <NumberInput
        label={t('playground:parameter.temperature')}
        placeholder={t('playground:parameter.default')}
        min={0}
        max={2}
        step={0.1}
        decimalScale={2}
        value={value.temperature}
        onChange={(typed) => set({ temperature: number(typed) })}
      />
      <NumberInput
        label={t('playground:parameter.topP')}
        placeholder={t('playground:parameter.default')}
        min={0}
        max={1}
        step={0.05}
        decimalScale={2}
        value={value.topP}
        onChange={(typed) => set({ topP: number(typed) })}
      />
      <NumberInput
        label={t('playground:parameter.maxTokens')}
        placeholder={t('playground:parameter.default')}
        min={1}
        max={1_000_000}
        step={100}
        allowDecimal={false}
        value={value.maxTokens}
        onChange={(typed) => set({ maxTokens: number(typed) })}
      />
      <Switch
        label={t('playground:parameter.stream')}
        checked={value.stream}
        onChange={(event) => set({ stream: event.currentTarget.checked })}
      />
      <Textarea
        label={t('playground:parameter.tools')}
        description={t('playground:parameter.toolsHint')}
        placeholder={EXAMPLE}
        autosize
        minRows={3}
        maxRows={14}
        spellCheck={false}
        className={css.mono}
        error={toolsOf(value.tools) === null ? t('playground:parameter.toolsWrong') : null}
        value={value.tools}
        onChange={(event) => set({ tools: event.currentTarget.value })}
      />
    </div>
  );
}
