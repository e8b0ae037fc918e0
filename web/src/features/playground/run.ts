import { dataPlane } from '~/api/data-plane';
import { events } from '~/api/events';
import { Problem } from '~/api/problem';

export interface ToolCall {
  id: string;
  name: string;
  arguments: string;
}

export interface Message {
  role: 'user' | 'assistant' | 'tool';
  text: string;
  /** `data:` URLs, sent as they are. */
  images?: string[];
  reasoning?: string;
  calls?: ToolCall[];
  /** Of a tool's answer: which call it answers. */
  callId?: string;
}

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  prompt_tokens_details?: { cached_tokens?: number } | null;
}

export interface Parameters {
  system: string;
  temperature: number | '';
  topP: number | '';
  maxTokens: number | '';
  stream: boolean;
  tools: string;
}

export const DEFAULTS: Parameters = {
  system: '',
  temperature: '',
  topP: '',
  maxTokens: '',
  stream: true,
  tools: '',
};

export interface Outcome {
  requestId: string | null;
  provider: string | null;
  usage: Usage | null;
  finish: string | null;
  firstMs: number | null;
  totalMs: number;
}

interface Delta {
  content?: string | null;
  reasoning_content?: string | null;
  reasoning?: string | null;
  tool_calls?: { index?: number; id?: string; function?: { name?: string; arguments?: string } }[] | null;
}
interface Chunk {
  choices?: { delta?: Delta; message?: Delta; finish_reason?: string | null }[];
  usage?: Usage | null;
  error?: { message?: string; code?: string };
}

/** What the reader typed as tools, or null when it is no list of them. */
export function toolsOf(text: string): unknown[] | null {
  if (text.trim() === '') return [];
  try {
    const read: unknown = JSON.parse(text);
    return Array.isArray(read) ? read : null;
  } catch {
    return null;
  }
}

export function bodyOf(model: string, messages: Message[], wanted: Parameters): Record<string, unknown> {
  const tools = toolsOf(wanted.tools) ?? [];
  return {
    model,
    messages: [
      ...(wanted.system.trim() === '' ? [] : [{ role: 'system', content: wanted.system }]),
      ...messages.map(wireMessage),
    ],
    ...(wanted.temperature === '' ? {} : { temperature: wanted.temperature }),
    ...(wanted.topP === '' ? {} : { top_p: wanted.topP }),
    ...(wanted.maxTokens === '' ? {} : { max_tokens: wanted.maxTokens }),
    ...(tools.length === 0 ? {} : { tools }),
    ...(wanted.stream ? { stream: true, stream_options: { include_usage: true } } : {}),
  };
}

function wireMessage(message: Message): Record<string, unknown> {
  if (message.role === 'tool') return { role: 'tool', tool_call_id: message.callId, content: message.text };
  if (message.calls !== undefined && message.calls.length > 0) {
    const calls = message.calls.map((call) => ({
      id: call.id,
      type: 'function',
      function: { name: call.name, arguments: call.arguments },
    }));
    return { role: 'assistant', content: message.text === '' ? null : message.text, tool_calls: calls };
  }
  if (message.images === undefined || message.images.length === 0) return { role: message.role, content: message.text };
  return {
    role: message.role,
    content: [
      { type: 'text', text: message.text },
      ...message.images.map((url) => ({ type: 'image_url', image_url: { url } })),
    ],
  };
}

function take(message: Message, delta: Delta): Message {
  const calls = [...(message.calls ?? [])];
  for (const [place, part] of (delta.tool_calls ?? []).entries()) {
    const index = part.index ?? place;
    const known = calls[index] ?? { id: '', name: '', arguments: '' };
    calls[index] = {
      id: part.id ?? known.id,
      name: known.name + (part.function?.name ?? ''),
      arguments: known.arguments + (part.function?.arguments ?? ''),
    };
  }
  return {
    ...message,
    text: message.text + (delta.content ?? ''),
    reasoning: (message.reasoning ?? '') + (delta.reasoning_content ?? delta.reasoning ?? ''),
    calls,
  };
}

/** One answer of one model. `onChange` hears of the message as it grows. Raises `Problem`. */
export async function run(
  teamId: string,
  body: Record<string, unknown>,
  onChange: (message: Message, requestId: string | null) => void,
  signal: AbortSignal,
): Promise<Outcome> {
  const began = performance.now();
  const response = await dataPlane(teamId, '/v1/chat/completions', { method: 'POST', body, signal });
  const requestId = response.headers.get('x-request-id');
  const outcome: Outcome = {
    requestId,
    provider: response.headers.get('x-opengateway-provider'),
    usage: null,
    finish: null,
    firstMs: null,
    totalMs: 0,
  };
  let message: Message = { role: 'assistant', text: '' };
  const hear = (chunk: Chunk) => {
    if (chunk.error !== undefined) {
      throw new Problem(502, chunk.error.code ?? 'unknown', chunk.error.message ?? '', null, requestId);
    }
    const choice = chunk.choices?.[0];
    const delta = choice?.delta ?? choice?.message;
    outcome.usage = chunk.usage ?? outcome.usage;
    outcome.finish = choice?.finish_reason ?? outcome.finish;
    if (delta !== undefined) {
      outcome.firstMs ??= performance.now() - began;
      message = take(message, delta);
      onChange(message, requestId);
    }
  };
  if (body.stream === true && response.body !== null) {
    let ended = false;
    for await (const event of events(response.body)) {
      if (event === '[DONE]') {
        ended = true;
        break;
      }
      hear(JSON.parse(event) as Chunk);
    }
    if (!ended) throw new Problem(502, 'stream_cut', 'the stream ended early', null, requestId);
  } else hear((await response.json()) as Chunk);
  outcome.totalMs = performance.now() - began;
  return outcome;
}
