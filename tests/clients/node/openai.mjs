// OpenAI's package, by chat completions and by Responses.
import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { finished, question, schema, told } from "./said.mjs";

const { url, apiKey, model, feature, way } = await told();
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
const City = z.object({ city: z.string() });
const parameters = { ...schema("city"), additionalProperties: false };

const chat = {
  async chat() {
    const answer = await client.chat.completions.create({ model, messages: question("Say hello.") });
    return { text: answer.choices[0].message.content, tokens: answer.usage.completion_tokens };
  },
  async stream() {
    let pieces = 0;
    const stream = client.chat.completions.stream({
      model,
      messages: question("Say hello."),
      stream_options: { include_usage: true },
    });
    stream.on("content", () => pieces++);
    const answer = await stream.finalChatCompletion();
    const text = answer.choices[0].message.content;
    return { text, pieces, tokens: (await stream.totalUsage()).completion_tokens };
  },
  async tools() {
    let input;
    const run = client.chat.completions.runTools({
      model,
      messages: question("Please call weather for Busan."),
      tools: [
        {
          type: "function",
          function: {
            name: "weather",
            parameters,
            parse: JSON.parse,
            function: (given) => {
              input = given;
              return "42 and sunny";
            },
          },
        },
      ],
    });
    return { text: await run.finalContent(), input, tool: "weather" };
  },
  async structured() {
    const answer = await client.chat.completions.parse({
      model,
      messages: question("Name a city."),
      response_format: zodResponseFormat(City, "city"),
    });
    return { object: answer.choices[0].message.parsed };
  },
};

const responses = {
  async chat() {
    const answer = await client.responses.create({ model, input: "Say hello." });
    return { text: answer.output_text, tokens: answer.usage.output_tokens };
  },
  async stream() {
    let pieces = 0;
    const stream = client.responses.stream({ model, input: "Say hello." });
    stream.on("response.output_text.delta", () => pieces++);
    const answer = await stream.finalResponse();
    return { text: answer.output_text, pieces, tokens: answer.usage.output_tokens };
  },
  async tools() {
    const tools = [{ type: "function", name: "weather", parameters, strict: true }];
    const input = question("Please call weather for Busan.");
    const first = await client.responses.create({ model, input, tools });
    const call = first.output.find((item) => item.type === "function_call");
    input.push(...first.output);
    input.push({ type: "function_call_output", call_id: call.call_id, output: "42 and sunny" });
    const last = await client.responses.create({ model, input, tools });
    return { tool: call.name, input: JSON.parse(call.arguments), text: last.output_text };
  },
  async structured() {
    const answer = await client.responses.parse({
      model,
      input: "Name a city.",
      text: { format: zodTextFormat(City, "city") },
    });
    return { object: answer.output_parsed };
  },
};

await finished((way === "responses" ? responses : chat)[feature]);
