import { ActionIcon, Button, Loader, Select, Textarea } from '@mantine/core';
import { type FormEvent, type ReactNode, useState } from 'react';

import type { ModelRow } from '~/api/data-plane';
import { useWords } from '~/i18n/use-words';
import { FormError } from '~/ui/form-error';
import { IconTrash } from '~/ui/icons';

import { openCalls, type Pane } from './panes';
import css from './playground.module.css';
import type { Message, ToolCall } from './run';

interface PaneViewProps {
  pane: Pane;
  models: ModelRow[];
  onChoose: (model: string | null) => void;
  onRemove: (() => void) | undefined;
  onToolResult: (callId: string, text: string) => void;
  /** What is known of the request: cost, and the way to its log. */
  footer: ReactNode;
}

export function PaneView({ pane, models, onChoose, onRemove, onToolResult, footer }: PaneViewProps) {
  const { t } = useWords();
  const data = models.filter((model) => model.kind === 'chat').map(({ id }) => id);
  const waiting = pane.busy ? [] : openCalls(pane.messages);
  return (
    <section className={css.pane} aria-label={pane.model ?? t('playground:model')}>
      <div className={css.paneHead}>
        <Select
          aria-label={t('playground:model')}
          placeholder={t('playground:chooseModel')}
          searchable
          data={data}
          limit={100}
          value={pane.model}
          onChange={onChoose}
          nothingFoundMessage={t('playground:noModel')}
          className={css.model}
        />
        {onRemove !== undefined && (
          <ActionIcon variant="subtle" color="gray" onClick={onRemove} aria-label={t('playground:removePane')}>
            <IconTrash size={16} />
          </ActionIcon>
        )}
      </div>
      {/* It scrolls, so the keyboard must be able to reach it. */}
      <div className={css.talk} tabIndex={0} role="log" aria-label={t('playground:talk')} aria-busy={pane.busy}>
        {pane.messages.length === 0 && <p className={css.nothing}>{t('playground:nothing')}</p>}
        {pane.messages.map((message, place) => (
          <Said key={place} message={message} />
        ))}
        {pane.busy && pane.messages.at(-1)?.role !== 'assistant' && (
          <Loader size="xs" type="dots" aria-label={t('playground:waiting')} role="status" />
        )}
        {waiting.map((call) => (
          <ToolAnswer key={call.id} call={call} onDone={(text) => onToolResult(call.id, text)} />
        ))}
        <FormError error={pane.error} />
      </div>
      <div className={css.paneFoot}>{footer}</div>
    </section>
  );
}

function Said({ message }: { message: Message }) {
  const { t } = useWords();
  return (
    <div className={css.said} data-role={message.role}>
      <span className={css.who}>{t(`playground:role.${message.role}`)}</span>
      {message.reasoning !== undefined && message.reasoning !== '' && (
        <details className={css.reasoning}>
          <summary>{t('playground:reasoning')}</summary>
          <p>{message.reasoning}</p>
        </details>
      )}
      {message.text !== '' && <p className={css.text}>{message.text}</p>}
      {message.images !== undefined && message.images.length > 0 && (
        <div className={css.images}>
          {message.images.map((url, place) => (
            <img key={place} src={url} alt={t('playground:image', { number: place + 1 })} />
          ))}
        </div>
      )}
      {message.calls?.map((call) => (
        <code key={call.id} className={css.call}>
          {call.name}({call.arguments})
        </code>
      ))}
    </div>
  );
}

function ToolAnswer({ call, onDone }: { call: ToolCall; onDone: (text: string) => void }) {
  const { t } = useWords();
  const [text, setText] = useState('');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onDone(text);
  };
  return (
    <form onSubmit={submit} className={css.toolAnswer}>
      <Textarea
        label={t('playground:toolResult', { name: call.name })}
        autosize
        minRows={2}
        maxRows={6}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      <Button type="submit" size="xs" variant="default" disabled={text.trim() === ''}>
        {t('playground:giveResult')}
      </Button>
    </form>
  );
}
