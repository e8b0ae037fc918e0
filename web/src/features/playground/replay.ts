import { DEFAULTS, type Message, type Parameters } from './run';

/** What a kept request began with: the talk before its last question, and that question. */
export interface Start {
  model: string | undefined;
  messages: Message[];
  question: string;
  wanted: Parameters;
}

interface Wire {
  model?: unknown;
  messages?: unknown;
  temperature?: unknown;
  top_p?: unknown;
  max_tokens?: unknown;
  max_completion_tokens?: unknown;
  stream?: unknown;
  tools?: unknown;
}
interface WireMessage {
  role?: unknown;
  content?: unknown;
  tool_call_id?: unknown;
  tool_calls?: { id?: string; function?: { name?: string; arguments?: string } }[];
}
interface Part {
  type?: string;
  text?: string;
  image_url?: { url?: string };
}

const number = (value: unknown): number | '' => (typeof value === 'number' ? value : '');

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return (content as Part[]).flatMap((part) => (typeof part.text === 'string' ? [part.text] : [])).join('\n');
}

function imagesOf(content: unknown): string[] {
  if (!Array.isArray(content)) return [];
  const urls = (content as Part[]).map((part) => part.image_url?.url);
  return urls.filter((url): url is string => url !== undefined && url.startsWith('data:'));
}

/** The chat request in `text`; null where it is none that the playground could ask again. */
export function startOf(text: string): Start | null {
  let wire: Wire;
  try {
    wire = JSON.parse(text) as Wire;
  } catch {
    return null;
  }
  if (typeof wire !== 'object' || wire === null || !Array.isArray(wire.messages)) return null;
  const said = wire.messages as WireMessage[];
  const isSystem = (message: WireMessage) => message.role === 'system' || message.role === 'developer';
  const messages = said
    .filter((message) => !isSystem(message))
    .map((message): Message => ({
      role: message.role === 'assistant' ? 'assistant' : message.role === 'tool' ? 'tool' : 'user',
      text: textOf(message.content),
      images: imagesOf(message.content),
      ...(typeof message.tool_call_id === 'string' && { callId: message.tool_call_id }),
      ...(message.tool_calls !== undefined && {
        calls: message.tool_calls.map((call) => ({
          id: call.id ?? '',
          name: call.function?.name ?? '',
          arguments: call.function?.arguments ?? '',
        })),
      }),
    }));
  const last = messages.at(-1);
  const asks = last?.role === 'user' && (last.images ?? []).length === 0;
  return {
    model: typeof wire.model === 'string' ? wire.model : undefined,
    messages: asks ? messages.slice(0, -1) : messages,
    question: asks ? last.text : '',
    wanted: {
      ...DEFAULTS,
      system: said.filter(isSystem).map((message) => textOf(message.content)).join('\n'),
      temperature: number(wire.temperature),
      topP: number(wire.top_p),
      maxTokens: number(wire.max_completion_tokens ?? wire.max_tokens),
      tools: Array.isArray(wire.tools) ? JSON.stringify(wire.tools, null, 2) : '',
    },
  };
}
