// Anthropic's package, unchanged but for base URL and key. stdin: {baseURL, apiKey, model, feature}.
import Anthropic from "@anthropic-ai/sdk";
import { finished, question, schema, told } from "./said.mjs";

const { url, apiKey, model, feature } = await told();
const client = new Anthropic({ baseURL: url, apiKey, maxRetries: 0 });
const base = { model, max_tokens: 1000 };
const tool = { name: "weather", description: "weather of a city", input_schema: schema("city") };

const features = {
  async chat() {
    const answer = await client.messages.create({ ...base, messages: question("Say hello.") });
    return { text: textOf(answer), tokens: answer.usage.output_tokens };
  },
  async stream() {
    const stream = client.messages.stream({ ...base, messages: question("Say hello.") });
    let pieces = 0;
    stream.on("text", () => pieces++);
    const answer = await stream.finalMessage();
    return { text: textOf(answer), pieces, tokens: answer.usage.output_tokens };
  },
  async tools() {
    const messages = question("Please call weather for Busan.");
    const first = await client.messages.create({ ...base, messages, tools: [tool] });
    const use = first.content.find((block) => block.type === "tool_use");
    messages.push({ role: "assistant", content: first.content });
    const result = { type: "tool_result", tool_use_id: use.id, content: "42 and sunny" };
    messages.push({ role: "user", content: [result] });
    const last = await client.messages.create({ ...base, messages, tools: [tool] });
    return { tool: use.name, input: use.input, text: textOf(last) };
  },
  async structured() {
    const format = { type: "json_schema", schema: { ...schema("city"), additionalProperties: false } };
    const answer = await client.messages.create({
      ...base,
      messages: question("Name a city."),
      output_config: { format },
    });
    return { object: JSON.parse(textOf(answer)) };
  },
};

function textOf(answer) {
  return answer.content.filter((b) => b.type === "text").map((b) => b.text).join("");
}

await finished(features[feature]);
