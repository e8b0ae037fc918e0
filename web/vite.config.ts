import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const CONTROL = process.env.OPENGATEWAY_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [react()],
  // The server puts a fresh nonce in the place of this word for each answer (http/web_site.py).
  html: { cspNonce: 'OPENGATEWAY_NONCE' },
  resolve: { alias: { '~': new URL('./src', import.meta.url).pathname } },
  build: {
    outDir: '../src/opengateway/assets/web',
    emptyOutDir: true,
    manifest: true, // scripts/budgets.mjs reads it, and takes it away
    assetsDir: 'assets',
    assetsInlineLimit: 0, // a `data:` font or image would need a wider policy
    target: ['chrome111', 'firefox115', 'safari16.4'],
    reportCompressedSize: false,
    license: { fileName: 'licenses.md' },
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: Object.fromEntries(
      ['/api', '/docs', '/v1', '/readyz', '/version'].map((path) => [path, CONTROL]),
    ),
  },
});
