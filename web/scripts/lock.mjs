// Renews package-lock.json: nothing younger than seven days, and no addresses in it.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const day = new Date(Date.now() - 7 * 86_400_000).toISOString().slice(0, 10);
execFileSync('npm', ['install', '--package-lock-only', `--before=${day}`], { stdio: 'inherit' });

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
for (const entry of Object.values(lock.packages)) {
  delete entry.funding;
  delete entry.deprecated;
}
writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`);
