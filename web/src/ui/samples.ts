/** Code that works as it is pasted, once the key stands in the environment. */
export const SAMPLES = {
  curl: (base: string, model: string) => `export OPENGATEWAY_API_KEY="og_live_..."

curl ${base}/chat/completions \\
  -H "Authorization: Bearer $OPENGATEWAY_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{"model": "${model}", "messages": [{"role": "user", "content": "Hello"}]}'`,
  python: (base: string, model: string) => `# pip install openai
import os
from openai import OpenAI

client = OpenAI(base_url="${base}", api_key=os.environ["OPENGATEWAY_API_KEY"])
answer = client.chat.completions.create(
    model="${model}",
    messages=[{"role": "user", "content": "Hello"}],
)
print(answer.choices[0].message.content)`,
  node: (base: string, model: string) => `// npm install openai
import OpenAI from 'openai';

const client = new OpenAI({ baseURL: '${base}', apiKey: process.env.OPENGATEWAY_API_KEY });
const answer = await client.chat.completions.create({
  model: '${model}',
  messages: [{ role: 'user', content: 'Hello' }],
});
console.log(answer.choices[0].message.content);`,
};

export type SampleName = keyof typeof SAMPLES;
