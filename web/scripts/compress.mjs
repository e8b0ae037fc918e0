// Writes app.js.br and app.js.gz beside app.js: the server sends them as they are.
import { copyFileSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const ROOT = new URL('../../src/opengateway/assets/web/', import.meta.url).pathname;
const TEXT = /\.(js|css|svg|json|txt|map)$/; // index.html is filled in for each answer
const WORTH_BYTES = 512;

// The fonts' licence (OFL 1.1) goes wherever the fonts go.
const FONTS = new URL('../node_modules/@fontsource-variable/', import.meta.url).pathname;
for (const font of readdirSync(FONTS)) {
  copyFileSync(join(FONTS, font, 'LICENSE'), join(ROOT, `assets/${font}-LICENSE.txt`));
}

const sizes = { raw: 0, gzip: 0, brotli: 0 };
for (const name of readdirSync(ROOT, { recursive: true })) {
  const path = join(ROOT, name);
  if (name.endsWith('.br') || name.endsWith('.gz')) rmSync(path, { force: true });
  if (!TEXT.test(name) || statSync(path).size < WORTH_BYTES) continue;
  const body = readFileSync(path);
  const gzip = gzipSync(body, { level: 9 });
  const brotli = brotliCompressSync(body, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: body.length },
  });
  writeFileSync(`${path}.gz`, gzip);
  writeFileSync(`${path}.br`, brotli);
  sizes.raw += body.length;
  sizes.gzip += gzip.length;
  sizes.brotli += brotli.length;
}
console.log(`all text ${sizes.raw} B, gzip ${sizes.gzip} B, brotli ${sizes.brotli} B`);
