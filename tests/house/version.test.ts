import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { STUDIO_VERSION } from '../../src/studio/version.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(`${ROOT}${path}`, 'utf8');

test('one version stands in the manifest, its lock file, both programs, the manual and the changes', () => {
  const manifest: unknown = JSON.parse(read('package.json'));
  expect(manifest).toHaveProperty('version', STUDIO_VERSION);
  const lock: unknown = JSON.parse(read('package-lock.json'));
  expect(lock).toHaveProperty('version', STUDIO_VERSION);
  expect(lock).toMatchObject({ packages: { '': { version: STUDIO_VERSION } } });
  expect(read('cluster/wid_cluster/__init__.py')).toContain(`__version__ = "${STUDIO_VERSION}"`);
  expect(read('README.md')).toContain(`wid-studio-${STUDIO_VERSION}.tgz`);
  // The newest version with a heading of its own; what follows it stands under "Unreleased".
  expect(/^## (\d\S*)/m.exec(read('CHANGELOG.md'))?.[1]).toBe(STUDIO_VERSION);
});
