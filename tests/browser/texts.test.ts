import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parquetWriteBuffer } from 'hyparquet-writer';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dropFiles, openStage, type Stage } from './browser.ts';

const CHECKPOINT = fileURLToPath(new URL('../golden/checkpoints/safetensors/', import.meta.url));
const PROSE = readFileSync(new URL('../../public/demo/prose/a1.txt', import.meta.url), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'wid-studio-texts-'));
let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(async () => {
  await stage.close();
  rmSync(folder, { recursive: true, force: true });
});

function written(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const dropTeacherAnd = (page: Page, text: string): Promise<void> =>
  dropFiles(page, [...readdirSync(CHECKPOINT).map((name) => `${CHECKPOINT}${name}`), text]);

test('a Parquet table is decoded in its own worker under the page’s policy; a damaged one is refused and the page lives on', async () => {
  const lines = PROSE.split('\n').filter((line) => line.trim() !== '');
  const table = new Uint8Array(
    parquetWriteBuffer({
      columnData: [
        { name: 'key', data: lines.map((_, i) => `k${i}`), type: 'STRING' },
        { name: 'passage', data: lines, type: 'STRING' },
      ],
    }),
  );
  const { page, faults } = await stage.open();
  await dropTeacherAnd(page, written('table.parquet', table));
  await page
    .getByTestId('text-report')
    .filter({ hasText: String(lines.length) })
    .waitFor();
  await dropFiles(page, [written('cut.parquet', table.subarray(0, table.length - 50))]);
  await page.getByTestId('fault').filter({ hasText: 'cut.parquet' }).waitFor();
  expect(await page.getByTestId('text-report').textContent()).toContain(String(lines.length));
  expect(faults).toEqual([]);
  await page.close();
});

test('a long text is kept in the browser’s own file system and is there after a reload', async () => {
  const { page, faults } = await stage.open();
  const text = written('long.txt', PROSE.repeat(60));
  const kept = (): Promise<readonly string[]> =>
    page.evaluate(async () => {
      const names: string[] = [];
      try {
        const texts = await (await navigator.storage.getDirectory()).getDirectoryHandle('texts');
        for await (const name of texts.keys()) names.push(name);
      } catch {
        // The folder is made by the first text.
      }
      return names;
    });
  await dropTeacherAnd(page, text);
  await page.getByTestId('text-report').waitFor();
  const first = await page.getByTestId('text-report').textContent();
  await expect.poll(kept).toHaveLength(1);
  await page.reload();
  await dropTeacherAnd(page, text);
  await page.getByTestId('text-report').waitFor();
  expect(await page.getByTestId('text-report').textContent()).toBe(first);
  expect(await kept()).toHaveLength(1);
  expect(faults).toEqual([]);
});
