import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'vite';
import { expect, test } from 'vitest';
import { productionPage } from '../../scripts/productionPage.mjs';

test('a build that fails says why, and nothing about files that it did not write', async () => {
  const root = mkdtempSync(join(tmpdir(), 'wid-studio-build-'));
  try {
    writeFileSync(join(root, 'index.html'), '<script type="module" src="./main.js"></script>');
    writeFileSync(join(root, 'main.js'), 'import "./not-there.js";');
    const failed = build({ root, configFile: false, logLevel: 'silent', plugins: [productionPage()] });
    await expect(failed).rejects.toThrow(/not-there\.js/);
    await expect(failed).rejects.not.toThrow(/ENOENT|offline/);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
