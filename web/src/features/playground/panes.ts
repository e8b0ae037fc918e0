import { useEffect, useRef, useState } from 'react';

import { bodyOf, type Message, type Outcome, type Parameters, run } from './run';

export const MOST_PANES = 4;

/** One model's side of the talk. */
export interface Pane {
  id: number;
  model: string | null;
  messages: Message[];
  busy: boolean;
  requestId: string | null;
  outcome: Outcome | null;
  error: Error | null;
}

const empty = (id: number, model: string | null): Pane => ({
  id,
  model,
  messages: [],
  busy: false,
  requestId: null,
  outcome: null,
  error: null,
});

let lastId = 0;

/** The panes of the page, and what can be done with them. Every answer of one runs on its own. */
export function usePanes(teamId: string, wanted: Parameters, first: string | null, said: Message[] = []) {
  const [panes, setPanes] = useState<Pane[]>(() => [{ ...empty((lastId += 1), first), messages: said }]);
  const running = useRef(new Map<number, AbortController>());
  useEffect(() => {
    const all = running.current;
    return () => {
      for (const each of all.values()) each.abort();
    };
  }, []);

  const change = (id: number, how: (pane: Pane) => Partial<Pane>) =>
    setPanes((all) => all.map((pane) => (pane.id === id ? { ...pane, ...how(pane) } : pane)));

  const answer = async (pane: Pane, messages: Message[]) => {
    if (pane.model === null) return;
    const abort = new AbortController();
    running.current.set(pane.id, abort);
    change(pane.id, () => ({ messages, busy: true, error: null, outcome: null, requestId: null }));
    try {
      const outcome = await run(
        teamId,
        bodyOf(pane.model, messages, wanted),
        (message, requestId) => change(pane.id, () => ({ messages: [...messages, message], requestId })),
        abort.signal,
      );
      change(pane.id, () => ({ outcome, requestId: outcome.requestId }));
    } catch (error) {
      if (!abort.signal.aborted) change(pane.id, () => ({ error: error as Error }));
    } finally {
      running.current.delete(pane.id);
      change(pane.id, () => ({ busy: false }));
    }
  };

  return {
    panes,
    busy: panes.some((pane) => pane.busy),
    choose: (id: number, model: string | null) => change(id, () => ({ model })),
    add: () => setPanes((all) => (all.length < MOST_PANES ? [...all, empty((lastId += 1), null)] : all)),
    remove: (id: number) => {
      running.current.get(id)?.abort();
      setPanes((all) => all.filter((pane) => pane.id !== id));
    },
    clear: () => {
      for (const each of running.current.values()) each.abort();
      setPanes((all) => all.map((pane) => empty(pane.id, pane.model)));
    },
    stop: () => {
      for (const each of running.current.values()) each.abort();
    },
    /** To every pane with a model. */
    send: (text: string, images: string[]) => {
      for (const pane of panes) {
        if (!pane.busy) void answer(pane, [...pane.messages, { role: 'user', text, images }]);
      }
    },
    /** The reader plays the tool. */
    giveToolResult: (id: number, callId: string, text: string) => {
      const pane = panes.find((each) => each.id === id);
      if (pane === undefined) return;
      const messages: Message[] = [...pane.messages, { role: 'tool', text, callId }];
      if (openCalls(messages).length > 0) change(id, () => ({ messages }));
      else void answer(pane, messages);
    },
  };
}

/** Calls of the last answer that nobody has answered yet. */
export function openCalls(messages: Message[]) {
  const place = messages.findLastIndex((message) => message.role === 'assistant');
  const done = new Set(messages.slice(place + 1).map((message) => message.callId));
  return (messages[place]?.calls ?? []).filter((call) => !done.has(call.id));
}
