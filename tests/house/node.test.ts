import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fitsNode } from '../../scripts/setup.mjs';

test('set-up refuses the Nodes that package.json refuses', () => {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  expect(manifest).toContain('"node": "^20.19.0 || >=22.12.0"');
  for (const version of ['20.19.0', '20.20.2', '22.12.0', '23.0.0', '24.1.0']) expect(fitsNode(version), version).toBe(true);
  for (const version of ['18.20.0', '20.18.3', '21.7.0', '22.11.0']) expect(fitsNode(version), version).toBe(false);
});
