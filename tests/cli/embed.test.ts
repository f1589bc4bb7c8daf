import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { inScratch, ROOT, terminal } from './terminal.ts';

const ENCODER = join(ROOT, 'tests/golden/sentences/encoder');
const ONE = ['--teacher', ENCODER, '--engine', 'cpu', '--threads', '1'];

describe('embed', () => {
  test('writes vectors for NumPy, and as JSON Lines', () =>
    inScratch(async (folder) => {
      const text = join(folder, 'text.txt');
      writeFileSync(text, 'a cat\n\nno\nthe woman plays\n');
      const [npy, lines] = [join(folder, 'new', 'v.npy'), join(folder, 'v.jsonl')];
      const made = await terminal(['embed', ...ONE, '--text', text, '--out', npy]);
      expect(made).toMatchObject({ code: 0 });
      expect(made.stdout).toContain('Encoder encoder: vectors of 7 numbers (cls and mean and max, dense to 7, normalised)');
      expect((await terminal(['embed', ...ONE, '--text', text, '--out', lines])).code).toBe(0);

      const file = readFileSync(npy);
      const start = 10 + file.readUInt16LE(8);
      expect(start % 64).toBe(0);
      expect(file.subarray(1, 8).toString('latin1')).toBe('NUMPY\u0001\0');
      expect(file.subarray(10, start).toString().trim()).toBe("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 7), }");
      const numbers = Array.from({ length: 21 }, (_, i) => file.readFloatLE(start + 4 * i));
      expect(file.length).toBe(start + 4 * 21);
      const texts = ['a cat', 'no', 'the woman plays'];
      const records = readFileSync(lines, 'utf8').trim().split('\n');
      expect(records.length).toBe(3);
      records.forEach((line, i) => expect(JSON.parse(line)).toEqual({ text: texts[i], vector: numbers.slice(7 * i, 7 * i + 7) }));
    }));

  test('says before any work what is wrong', () =>
    inScratch(async (folder) => {
      const out = join(folder, 'v.csv');
      const named = await terminal(['embed', ...ONE, '--text', ENCODER, '--out', out]);
      expect(named).toMatchObject({ code: 2, stdout: '' });
      expect(named.stderr).toMatch(/--out .*v\.csv: expected a name that ends in \.npy or \.jsonl/);
      const both = await terminal(['embed', '--demo', ...ONE, '--text', ENCODER, '--out', join(folder, 'v.npy')]);
      expect(both).toMatchObject({ code: 2 });
      expect(both.stderr).toMatch(/expected --teacher PATH or --demo, got both/);
      const prompt = await terminal([
        'embed',
        ...ONE,
        '--prompt',
        'question',
        '--text',
        join(ROOT, 'README.md'),
        '--out',
        join(folder, 'v.npy'),
      ]);
      expect(prompt).toMatchObject({ code: 2 });
      expect(prompt.stderr).toMatch(/prompt — expected one of document, query, got question/);
      expect(existsSync(join(folder, 'v.npy'))).toBe(false);
    }));
});

describe('evaluate --pairs', () => {
  test('judges a teacher and a student by scored pairs', () =>
    inScratch(async (folder) => {
      const pairs = join(folder, 'pairs.tsv');
      writeFileSync(
        pairs,
        'one\ttwo\tscore\nthe man is playing\tthe man plays\t5\na cat is red\ta river by a house\t0.5\nthe red house\ta house\t4\n',
      );
      const ended = await terminal(['evaluate', ...ONE, '--student', ENCODER, '--pairs', pairs, '--json']);
      expect(ended.code).toBe(0);
      const line = ended.stdout.split('\n').find((one) => one.includes('"kind":"pairs"'));
      expect(JSON.parse(line ?? '')).toMatchObject({ pairs: 3, columns: { first: 'one', second: 'two', score: 'score' } });
      const said = await terminal(['evaluate', ...ONE, '--student', ENCODER, '--pairs', pairs, '--pair-columns', 'two,one,score']);
      expect(said.stdout).toMatch(/3 pairs: two, one; scores: score/);
      expect(said.stdout).toMatch(/Student encoder: vectors of 7 numbers/);
      expect(said.stdout).toMatch(/Spearman -?\d+\.\d\d, Pearson -?\d+\.\d\d \(times 100\) \(100\.0 % of the teacher's Spearman\)/);
      const two = await terminal(['evaluate', ...ONE, '--pairs', pairs, '--pair-columns', 'one,two']);
      expect(two).toMatchObject({ code: 2 });
      expect(two.stderr).toMatch(/expected three names with commas between, got 2/);
    }));
});
