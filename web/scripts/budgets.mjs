// What a browser must load, in bytes of gzipped script. A build that is over its budget fails.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const ROOT = new URL('../../src/opengateway/assets/web/', import.meta.url).pathname;
const manifest = JSON.parse(readFileSync(join(ROOT, '.vite/manifest.json'), 'utf8'));
rmSync(join(ROOT, '.vite'), { recursive: true }); // no page asks for it

const gzip = (file) => gzipSync(readFileSync(join(ROOT, file)), { level: 9 }).length;

/** The files of a module of ours, and all that they import at once. */
function files(source, found = new Set()) {
  const chunk = manifest[source];
  if (chunk === undefined) throw new Error(`the build has no chunk of ${source}`);
  if (found.has(chunk.file)) return found;
  found.add(chunk.file);
  for (const each of chunk.imports ?? []) files(each, found);
  return found;
}
const all = (...sources) => new Set(sources.flatMap((source) => [...files(source)]));
const sum = (names) => [...names].filter((name) => name.endsWith('.js')).reduce((bytes, name) => bytes + gzip(name), 0);

const entry = 'index.html';
const languages = ['en', 'ko', 'ja'].map((language) => `src/locales/${language}/core.ts`);
const largest = languages.sort((a, b) => sum(files(b)) - sum(files(a)))[0];
const signIn = all(entry, largest, 'src/app/guest-layout.tsx', 'src/features/auth/index.ts');
const shell = all(entry, largest, 'src/app/shell.tsx');
const beside = (source) => new Set([...files(source)].filter((name) => !shell.has(name)));

const BUDGETS = [
  ['sign-in', sum(signIn), 200_000],
  ['shell', sum(shell), 200_000],
  ['charts', sum(beside('src/ui/chart.tsx')), 150_000],
  ['editor', sum(beside('src/ui/editor.tsx')), 150_000],
];
console.log(BUDGETS.map(([name, bytes, most]) => `${name} ${bytes} of ${most} B`).join(', '));
const over = BUDGETS.filter(([, bytes, most]) => bytes > most).map(([name]) => name);
if (over.length > 0) {
  console.error(`over the budget of script: ${over.join(', ')}`);
  process.exit(1);
}
