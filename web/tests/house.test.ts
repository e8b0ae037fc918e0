import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { PERMISSIONS, PLATFORM_PERMISSIONS, PLATFORM_ROLES, ROLES } from '~/session/permissions';

import { ROOT, sources } from './sources';

it('ships the styles of every part of the kit that it uses', () => {
  const styles = readFileSync(join(ROOT, 'src/ui/styles.css'), 'utf8');
  const parts = sources().flatMap(([, text]) =>
    [...text.matchAll(/import \{([^}]*)\} from '@mantine\/core'/g)].flatMap(([, names = '']) =>
      names.split(',').map((name) => name.replace(/^\s*type\s+/, '').trim()),
    ),
  );
  expect(parts.length).toBeGreaterThan(50);
  const missing = [...new Set(parts)].filter(
    (part) =>
      existsSync(join(ROOT, `node_modules/@mantine/core/styles/${part}.css`)) &&
      !styles.includes(`@mantine/core/styles/${part}.css`),
  );
  expect(missing).toEqual([]);
});

it.each([
  [PERMISSIONS, ROLES],
  [PLATFORM_PERMISSIONS, PLATFORM_ROLES],
] as const)('knows what each role may as the server does', (permissions, known) => {
  const policy = readFileSync(join(ROOT, '../src/opengateway/policies/permissions.toml'), 'utf8');
  const order = [...(/^roles = \[(.*)\]$/m.exec(policy)?.[1]?.matchAll(/"(\w+)"/g) ?? [])].map(([, role]) => role);
  for (const [permission, roles] of Object.entries(permissions)) {
    const row = new RegExp(`^"${permission.replace('.', '\\.')}"\\s*= "([^"]*)"`, 'm').exec(policy)?.[1];
    const cells = row?.replaceAll('|', ' ').trim().split(/\s+/) ?? [];
    const allowed = known.filter((role) => cells[order.indexOf(role)] === 'x');
    expect([permission, allowed.join(' ')]).toEqual([permission, roles]);
  }
});

it('fetches nothing from a foreign origin', () => {
  const found = sources().filter(([, text]) => /(?:fetch|import|src|href)\s*[=(]\s*[{]?['"`](?:https?:)?\/\//.test(text));
  expect(found.map(([name]) => name)).toEqual([]);
});

it('pins every part of the kit to one version', () => {
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const versions = Object.entries(dependencies).filter(([name]) => name.startsWith('@mantine/'));
  expect(new Set(versions.map(([, version]) => version)).size).toBe(1);
  const lock = readFileSync(join(ROOT, 'package-lock.json'), 'utf8');
  expect(lock.match(/\w+:\/\/\S+/g)).toBeNull();
});
