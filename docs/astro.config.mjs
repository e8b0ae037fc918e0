// The docs site. It is built into the package and served by the product under /docs, so nothing in
// it may come from another origin: system fonts, own search (Pagefind), no analytics.
import { defineConfig, passthroughImageService } from 'astro/config';
import starlight from '@astrojs/starlight';

export default defineConfig({
  base: '/docs',
  outDir: '../src/opengateway/assets/docs',
  trailingSlash: 'always',
  // Pictures are vectors: nothing needs a native image library at build time.
  image: { service: passthroughImageService() },
  integrations: [
    starlight({
      title: 'OpenGateway',
      logo: { src: './src/assets/mark.svg', alt: '' },
      favicon: '/favicon.svg',
      customCss: ['./src/styles/site.css'],
      defaultLocale: 'root',
      locales: {
        root: { label: 'English', lang: 'en' },
        ko: { label: '한국어', lang: 'ko' },
        ja: { label: '日本語', lang: 'ja' },
      },
      // A command is not a window: no title bar above it.
      expressiveCode: { defaultProps: { overridesByLang: { 'sh,http': { frame: 'none' } } } },
      lastUpdated: false,
      credits: false,
      disable404Route: false,
      tableOfContents: { minHeadingLevel: 2, maxHeadingLevel: 3 },
      sidebar: [
        {
          label: 'Get started',
          translations: { ko: '시작하기', ja: 'はじめに' },
          items: [
            { label: 'What it is', slug: 'index', translations: { ko: '소개', ja: '概要' } },
            'get-started/quickstart',
            { slug: 'get-started/concepts' },
          ],
        },
        {
          label: 'Features',
          translations: { ko: '기능', ja: '機能' },
          items: [{ slug: 'features/routing' }, { slug: 'features/responses' }, { slug: 'features/messages' }, { slug: 'features/operations' }, { slug: 'features/clouds' }, { slug: 'features/limits' }],
        },
        {
          label: 'Platform',
          translations: { ko: '플랫폼', ja: 'プラットフォーム' },
          items: [{ slug: 'platform/playground' }, { slug: 'platform/budgets' }, { slug: 'platform/credits' }, { slug: 'platform/byok' }, { slug: 'platform/logs' }],
        },
        {
          label: 'Operate',
          translations: { ko: '운영', ja: '運用' },
          items: [
            { slug: 'operate/zone-file' },
            { slug: 'operate/processes-and-journal' },
            { slug: 'operate/sign-in' },
            { slug: 'operate/desk' },
            { slug: 'operate/postgresql-and-valkey' },
            { slug: 'operate/zones' },
            { slug: 'operate/fleet' },
            { slug: 'operate/capacity' },
            { slug: 'operate/airgap' },
            { slug: 'operate/backup' },
            { slug: 'operate/redeem-codes' },
            { slug: 'operate/payments' },
            { slug: 'operate/newcomers' },
            { slug: 'operate/simulator' },
            { slug: 'operate/monitoring' },
            { slug: 'operate/smoke-tests' },
            { label: 'Runbooks', collapsed: true, items: [{ autogenerate: { directory: 'operate/runbooks' } }] },
          ],
        },
        {
          label: 'Reference',
          translations: { ko: '레퍼런스', ja: 'リファレンス' },
          items: [
            { slug: 'reference/api' },
            { slug: 'reference/errors' },
            { slug: 'reference/providers' },
            { slug: 'reference/parameters' },
            { slug: 'reference/clients' },
          ],
        },
        {
          label: 'Explain',
          translations: { ko: '배경', ja: '解説' },
          items: [{ slug: 'explain/ledger' }, { slug: 'explain/settlement' }, { slug: 'explain/prices' }, { slug: 'explain/benchmark' }, { slug: 'explain/faults' }],
        },
      ],
    }),
  ],
});
