import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CHECKPOINT, FAST, inScratch, terminal } from './terminal.ts';

const MADE = [
  'README.md',
  'config.json',
  'model.safetensors',
  'onnx',
  'run.json',
  'special_tokens_map.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'vocab.txt',
];

describe('export', () => {
  test('converts a checkpoint without text, and says what each file is', () =>
    inScratch(async (folder) => {
      const out = join(folder, 'converted');
      const { code, stdout } = await terminal([
        'export',
        '--teacher',
        CHECKPOINT,
        '--threads',
        '1',
        '--attentions',
        '--no-int8',
        '--out',
        out,
      ]);
      expect(code).toBe(0);
      expect(readdirSync(out).toSorted()).toEqual(MADE.toSorted());
      expect(readdirSync(join(out, 'onnx')).toSorted()).toEqual(['model.onnx', 'model_attentions.onnx']);
      expect(stdout).toMatch(
        /onnx\/model\.onnx: [\d.]+ [Mk]B, largest difference of logits \d\.\de-\d, [\d.]+ ms \(p95 [\d.]+\) for 1 x 40 tokens/,
      );
      expect(stdout).toContain(`Written to ${out}`);
    }));

  test('writes a student in other forms', () =>
    inScratch(async (folder) => {
      const [student, out] = [join(folder, 'student'), join(folder, 'half')];
      const made = await terminal([...FAST, '--steps', '1', '--no-latency', '--no-int8', '--out', student]);
      expect(made.code).toBe(0);
      expect(existsSync(join(student, 'wid', 'compactors.safetensors'))).toBe(true);
      // What an earlier export left must not pass for a file of this one.
      mkdirSync(join(out, 'onnx'), { recursive: true });
      writeFileSync(join(out, 'onnx', 'model.onnx'), 'old');
      const { code, stdout } = await terminal([
        'export',
        '--student',
        student,
        '--weights',
        'fp16',
        '--fp16',
        '--no-latency',
        '--json',
        '--out',
        out,
      ]);
      expect(code).toBe(0);
      expect(readdirSync(join(out, 'onnx')).toSorted()).toEqual(['model.onnx', 'model_fp16.onnx', 'model_quantized.onnx']);
      expect(readFileSync(join(out, 'onnx', 'model.onnx')).length).toBeGreaterThan(1000);
      const [whole, half] = [student, out].map((path) => readFileSync(join(path, 'model.safetensors')).length);
      expect((half ?? 0) / (whole ?? 1)).toBeLessThan(0.6);
      const kinds = stdout
        .trim()
        .split('\n')
        .map((line): unknown => JSON.parse(line));
      expect(kinds).toContainEqual(expect.objectContaining({ kind: 'written', teacherLatency: null }));
    }));

  test('writes an encoder without its head, for vectors', () =>
    inScratch(async (folder) => {
      const out = join(folder, 'encoder');
      const { code, stdout } = await terminal(
        ['export', '--teacher', CHECKPOINT, '--threads', '1', '--no-int8', '--no-latency'].concat(
          '--outputs',
          'last_hidden_state',
          '--out',
          out,
        ),
      );
      expect(code).toBe(0);
      expect(stdout).toMatch(/onnx\/model\.onnx: .*largest difference of last_hidden_state \d\.\de-\d/);
      expect(readFileSync(join(out, 'config.json'), 'utf8')).toContain('"BertModel"');
    }));

  test.each([
    [['--teacher', CHECKPOINT, '--outputs', 'pooler_output', '--out', 'x'], 'Allowed choices are logits, last_hidden_state.'],
    [['--out', 'x'], 'teacher: expected --teacher PATH or --demo, got neither.'],
    [['--demo', '--student', CHECKPOINT, '--out', 'x'], 'export: expected one of --teacher, --student and --demo, got more.'],
    [['--teacher', CHECKPOINT], "required option '--out <dir>' not specified"],
  ])('refuses %j', async (options, message) => {
    const { code, stderr } = await terminal(['export', ...options]);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });
});
