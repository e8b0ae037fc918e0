import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = process.cwd(); // vitest runs in `web`

/** Path and text of every source file of the app. */
export function sources(): [string, string][] {
  return readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name) && !name.startsWith('locales') && name !== join('api', 'schema.ts'))
    .map((name) => [name, readFileSync(join(ROOT, 'src', name), 'utf8')]);
}
