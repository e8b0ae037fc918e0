import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import en from '~/locales/en';
import ja from '~/locales/ja';
import ko from '~/locales/ko';

import { ROOT, sources } from './sources';

/** What is chosen by a code that the server sends. */
const BY_CODE = 'errors:code.';

function flat(texts: object, path = ''): [string, string][] {
  return Object.entries(texts).flatMap(([key, value]: [string, unknown]) => {
    const here = path === '' ? key : path.includes(':') ? `${path}.${key}` : `${path}:${key}`;
    return typeof value === 'string' ? [[here, value] as [string, string]] : flat(value as object, here);
  });
}

const plain = (key: string) => key.replace(/_(one|other)$/, '');
const english = new Map(flat(en));
const others = { ko: new Map(flat(ko)), ja: new Map(flat(ja)) };

/** Keys as they stand in the source; `${…}` stands for one step of a path. */
function used(): RegExp[] {
  return sources().flatMap(([, text]) =>
    [...text.matchAll(/['"`]([a-z]+:(?:[\w.]|\$\{[^}]*\})+)['"`]/gi)]
      .map(([, key = '']) => key)
      .filter((key) => Object.keys(en).includes(key.split(':')[0] ?? ''))
      .map((key) => new RegExp(`^${key.replaceAll('.', '\\.').replace(/\$\{[^}]*\}/g, '\\w+')}$`)),
  );
}

it('has no text that is used nowhere, and uses none that is not there', () => {
  const keys = [...new Set([...english.keys()].map(plain))];
  const asked = used();
  expect(asked.length).toBeGreaterThan(150);
  const unused = keys.filter((key) => !key.startsWith(BY_CODE) && !asked.some((pattern) => pattern.test(key)));
  const missing = asked.filter((pattern) => !keys.some((key) => pattern.test(key))).map(String);
  expect({ unused, missing }).toEqual({ unused: [], missing: [] });
});

it.each(['ko', 'ja'] as const)('%s has every text, its values, and no others', (language) => {
  const theirs = others[language];
  const forms = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
  const wanted = [...english.keys()].filter((key) => !key.endsWith('_one') || forms.includes('one'));
  expect([...theirs.keys()].sort()).toEqual(wanted.sort());
  const values = (text = '') => [...text.matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name).sort();
  for (const [key, text] of theirs) expect([key, values(text)]).toEqual([key, values(english.get(key))]);
});

it.each(['ko', 'ja'] as const)('%s is a translation: hardly a text is as in English', (language) => {
  const theirs = others[language];
  const same = [...theirs].filter(([key, text]) => english.get(key) === text && /[a-z]{2}/i.test(text));
  expect(same.length / theirs.size, same.map(([key]) => key).join(', ')).toBeLessThan(0.03);
});

it('speaks of error codes that the server has', () => {
  const server = join(ROOT, '../src/opengateway');
  const python = readdirSync(server, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.py'))
    .map((name) => readFileSync(join(server, name), 'utf8'))
    .join('\n');
  const unknown = Object.keys(en.errors.code).filter((code) => !python.includes(`code = "${code}"`));
  expect(unknown).toEqual([]);
});
