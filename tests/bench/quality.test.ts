import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { page } from '../../bench/quality/page.ts';
import { ResultFile } from '../../bench/quality/results.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const RUNS = join(ROOT, 'bench/results/quality.jsonl');
const linesOf = (path: string): string[] => readFileSync(path, 'utf8').trimEnd().split('\n');

test('the stored runs give the page that is stored beside them', () => {
  const stored = new ResultFile(RUNS);
  const teacher = stored.teacher();
  if (teacher === undefined) throw new Error('no teacher is stored');
  const why = readFileSync(join(ROOT, 'docs/results/quality/why.md'), 'utf8');
  expect(page(stored.all(), teacher, why)).toBe(readFileSync(join(ROOT, 'docs/results/quality.md'), 'utf8'));
});

test('a run more is a line more at its place, whoever else writes at the same time', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'wid-studio-quality-'));
  try {
    const path = join(folder, 'quality.jsonl');
    copyFileSync(RUNS, path);
    const [first] = new ResultFile(path).all();
    if (first === undefined) throw new Error('no run is stored');
    const ids = Array.from({ length: 6 }, (_, i) => `half-100-new-${i}`);
    await Promise.all(ids.toReversed().map((id) => new ResultFile(path).write({ ...first, cell: { ...first.cell, id } })));
    const [before, after] = [linesOf(RUNS), linesOf(path)];
    expect(after.filter((line) => !before.includes(line))).toHaveLength(ids.length);
    expect(before.filter((line) => !after.includes(line))).toEqual([]);
    const names = new ResultFile(path).all().map(({ cell }) => cell.id);
    expect(names).toEqual(names.toSorted());
    expect(names).toEqual(expect.arrayContaining(ids));
    // The same run again takes its own place.
    await new ResultFile(path).write({ ...first, parameters: 1 });
    expect(linesOf(path)).toHaveLength(after.length);
    expect(existsSync(`${path}.part`)).toBe(false);
    expect(readdirSync(folder)).toEqual(['quality.jsonl']);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
