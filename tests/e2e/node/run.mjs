// Runs chat completions through the official OpenAI package, unchanged but for base URL and key.
// stdin: {"baseURL", "apiKey", "calls": [{"id", "body"}]}; stdout: one JSON object a call.
import OpenAI from "openai";

const input = JSON.parse(await new Response(process.stdin).text());
const client = new OpenAI({ baseURL: input.baseURL, apiKey: input.apiKey, maxRetries: 0 });

for (const call of input.calls) {
  console.log(JSON.stringify({ id: call.id, ...(await outcome(call.body)) }));
}

async function outcome(body) {
  try {
    return body.stream ? await streamed(body) : whole(await client.chat.completions.create(body));
  } catch (error) {
    return {
      error: {
        kind: error.constructor.name,
        status: error.status ?? null,
        code: error.code ?? null,
        param: error.param ?? null,
        message: error.message,
        retryAfter: error.headers?.get?.("retry-after") ?? null,
      },
    };
  }
}

function whole(reply) {
  const { message, finish_reason } = reply.choices[0];
  return {
    model: reply.model,
    text: message.content ?? "",
    reasoning: message.reasoning_content ?? "",
    tools: (message.tool_calls ?? []).map((t) => [t.function.name, t.function.arguments]),
    finish: finish_reason,
    usage: reply.usage ?? null,
  };
}

async function streamed(body) {
  const found = { model: null, text: "", reasoning: "", tools: [], finish: null, usage: null };
  for await (const chunk of await client.chat.completions.create(body)) {
    found.model = chunk.model;
    if (chunk.usage) found.usage = chunk.usage;
    for (const choice of chunk.choices.filter((c) => c.index === 0)) {
      found.text += choice.delta.content ?? "";
      found.reasoning += choice.delta.reasoning_content ?? "";
      for (const part of choice.delta.tool_calls ?? []) {
        found.tools[part.index] ??= ["", ""];
        found.tools[part.index][0] += part.function?.name ?? "";
        found.tools[part.index][1] += part.function?.arguments ?? "";
      }
      if (choice.finish_reason) found.finish = choice.finish_reason;
    }
  }
  return found;
}
