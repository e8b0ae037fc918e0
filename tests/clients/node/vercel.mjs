// The Vercel AI SDK by each of its three ways: OpenAI-compatible, OpenAI (Responses), Anthropic.
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, Output, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { finished, told } from "./said.mjs";

const { url, apiKey, model, feature, way } = await told();
const baseURL = `${url}/v1`;
const ways = {
  compatible: () =>
    createOpenAICompatible({ name: "gateway", baseURL, apiKey, supportsStructuredOutputs: true, includeUsage: true })(model),
  openai: () => createOpenAI({ baseURL, apiKey })(model),
  anthropic: () => createAnthropic({ baseURL, apiKey })(model),
};
// References to items want kept responses; a team's setting allows them.
const providerOptions = { openai: { store: false } };
const base = { model: ways[way](), maxRetries: 0, providerOptions };

const features = {
  async chat() {
    const { text, usage } = await generateText({ ...base, prompt: "Say hello." });
    return { text, tokens: usage.outputTokens };
  },
  async stream() {
    let text = "";
    let pieces = 0;
    const running = streamText({ ...base, prompt: "Say hello.", onError: ({ error }) => { throw error; } });
    for await (const piece of running.textStream) {
      text += piece;
      pieces++;
    }
    return { text, pieces, tokens: (await running.usage).outputTokens };
  },
  async tools() {
    let input;
    const weather = tool({
      description: "weather of a city",
      inputSchema: z.object({ city: z.string() }),
      execute: async (given) => {
        input = given;
        return "42 and sunny";
      },
    });
    const { text, steps } = await generateText({
      ...base,
      prompt: "Please call weather for Busan.",
      tools: { weather },
      stopWhen: stepCountIs(3),
    });
    return { tool: steps[0].toolCalls[0]?.toolName, input, text };
  },
  async structured() {
    const { output } = await generateText({
      ...base,
      prompt: "Name a city.",
      output: Output.object({ schema: z.object({ city: z.string() }) }),
    });
    return { object: output };
  },
};

await finished(features[feature]);
