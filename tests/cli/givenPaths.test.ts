import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CHECKPOINT, FAST, inScratch, ROOT, SMALL, terminal, TEXT } from './terminal.ts';

const README = join(ROOT, 'README.md');

// What is wrong is said before the teacher is read: stdout, where the text and the engine are named, stays empty.
test.each([
  [['evaluate', ...SMALL, '--student', README], /^student README\.md: expected config\.json, got README\.md\. Give the whole/],
  [['evaluate', ...SMALL, '--student', 'no/student'], /^no\/student: expected a file or folder, got nothing there\./],
  [['attention', ...SMALL, '--student', README], /^student README\.md: expected config\.json/],
  [['evaluate', '--teacher', README, '--text', TEXT], /^teacher README\.md: expected config\.json/],
  [['evaluate', '--demo', '--text', TEXT, 'no/text'], /^no\/text: expected a file or folder, got nothing there\./],
  [['plan', '--demo', '--recipe', 'no/run.json'], /^no\/run\.json: expected a file or folder, got nothing there\./],
  [
    ['export', '--demo', '--out', join(README, 'folder')],
    /^--out .*README\.md.folder: expected a folder to write to, got .*README\.md, which is a file\./,
  ],
])('%j', async (options, sentence) => {
  const { code, stdout, stderr } = await terminal(options);
  expect(stderr).toMatch(sentence);
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect(stdout).toBe('');
  expect(code).toBe(2);
});

test.runIf(process.platform === 'linux')('a folder that nobody can make is refused, not waited for', async () => {
  for (const options of [FAST, ['export', '--teacher', CHECKPOINT], ['runs', 'import', README]]) {
    const { code, stderr } = await terminal([...options, '--out', '/proc/nothing']);
    expect(stderr).toMatch(/^--out \/proc\/nothing.* Give a folder that you may write to\.$/m);
    expect(code).toBe(2);
  }
});

// Root may write anywhere.
test.runIf(process.getuid?.() !== 0)('a folder that may not be written to is refused', () =>
  inScratch(async (folder) => {
    const closed = join(folder, 'closed');
    mkdirSync(closed);
    chmodSync(closed, 0o500);
    for (const out of [closed, join(closed, 'inside')]) {
      const { code, stderr } = await terminal([...FAST, '--out', out]);
      expect(stderr).toMatch(/^--out .*closed.*: expected a folder to write to, got EACCES/);
      expect(code).toBe(2);
    }
  }),
);

test('a tokenizer whose expression would hold up the program for ever is refused at once', () =>
  inScratch(async (folder) => {
    for (const name of ['config.json', 'model.safetensors']) copyFileSync(join(CHECKPOINT, name), join(folder, name));
    const tokens = readFileSync(join(CHECKPOINT, 'vocab.txt'), 'utf8').trim().split('\n');
    const rules = { normalizer: null, post_processor: null, decoder: null, added_tokens: [] };
    const splitter = { type: 'Split', pattern: { Regex: '(\\w+\\s?)+$' }, behavior: 'Isolated', invert: false };
    const model = { type: 'WordPiece', unk_token: '[UNK]', vocab: Object.fromEntries(tokens.map((token, id) => [token, id])) };
    writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify({ ...rules, pre_tokenizer: splitter, model }));
    const { code, stderr } = await terminal([...SMALL, '--teacher', folder, '--steps', '1', '--out', join(folder, 'out')]);
    expect(stderr).toMatch(
      /^tokenizer\.json: the expression .*— expected one that is matched in bounded time.*got choices within a repetition/,
    );
    expect(code).toBe(2);
  }));

test('what was tried leaves nothing behind', () =>
  inScratch(async (folder) => {
    const { code } = await terminal([...FAST, '--layers', '99', '--out', join(folder, 'some', 'where')]);
    expect(code).toBe(2);
    expect(readdirSync(folder)).toEqual([]);
  }));

test('paths with spaces and letters of any script', () =>
  inScratch(async (folder) => {
    const text = join(folder, 'mein Text – 文.txt');
    writeFileSync(text, 'The river ran past the mill. '.repeat(400));
    const out = join(folder, 'mein Schüler', 'größe ½');
    const { code, stderr } = await terminal([...FAST, '--text', text, '--steps', '1', '--no-latency', '--no-int8', '--out', out]);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(existsSync(join(out, 'onnx', 'model.onnx'))).toBe(true);
  }));

test('bench --help lists the options of the measurements', async () => {
  const { code, stdout } = await terminal(['bench', '--help']);
  expect(code).toBe(0);
  expect(stdout).toContain('--software-gpu');
});
