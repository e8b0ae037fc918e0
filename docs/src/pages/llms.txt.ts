// A list of the English pages for programs that read: https://llmstxt.org
import { getCollection } from 'astro:content';
import type { APIRoute } from 'astro';

const SECTIONS: Record<string, string> = {
  'get-started': 'Get started',
  features: 'Features',
  reference: 'API and matrices',
  guides: 'SDKs and tools',
  platform: 'Platform',
  operate: 'Operate',
  explain: 'Explain',
};

export const GET: APIRoute = async () => {
  const pages = (await getCollection('docs')).filter((page) => !/^(ko|ja)(\/|$)/.test(page.id));
  const lines = ['# OpenGateway', '', '> One OpenAI-compatible API in front of many model providers, run where you choose.', ''];
  lines.push('The APIs describe themselves in OpenAPI 3.1 at /openapi.json and /api/v1/openapi.json.', '');
  for (const [folder, title] of Object.entries(SECTIONS)) {
    const own = pages.filter((page) => page.id.split('/')[0] === folder).sort((a, b) => a.id.localeCompare(b.id));
    lines.push(`## ${title}`, '', ...own.map((page) => `- [${page.data.title}](/docs/${page.id}/): ${page.data.description ?? ''}`), '');
  }
  return new Response(lines.join('\n'), { headers: { 'content-type': 'text/plain; charset=utf-8' } });
};
