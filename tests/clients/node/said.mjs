// What the scripts share: how they are told what to do, and how they say what came of it.
export async function told() {
  return JSON.parse(await new Response(process.stdin).text());
}

export function question(content) {
  return [{ role: "user", content }];
}

export function schema(name) {
  return { type: "object", properties: { [name]: { type: "string" } }, required: [name] };
}

export async function finished(feature) {
  try {
    console.log(JSON.stringify(await feature()));
  } catch (error) {
    console.log(JSON.stringify({ error: `${error?.constructor?.name}: ${error?.message}` }));
    process.exitCode = 1;
  }
}
