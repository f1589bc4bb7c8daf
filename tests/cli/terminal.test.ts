import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readSafetensors } from '../../src/formats/safetensors.ts';
import { CHECKPOINT, FAST, inScratch, interrupted, SMALL, TEXT, terminal } from './terminal.ts';

interface Line {
  readonly kind: string;
  readonly [key: string]: unknown;
}

function isLine(value: unknown): value is Line {
  return typeof value === 'object' && value !== null && 'kind' in value && typeof value.kind === 'string';
}

function lines(stdout: string): Line[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((text) => {
      const value: unknown = JSON.parse(text);
      if (!isLine(value)) throw new Error(`not an event: ${text}`);
      return value;
    });
}

describe('what you gave is wrong: exit code 2 and one sentence', () => {
  const plan = ['plan', '--teacher', CHECKPOINT];
  test.each([
    ['nothing', ['--out', 'never'], /^teacher: expected --teacher PATH or --demo, got neither\./],
    ['two teachers', ['inspect', '--demo', '--teacher', CHECKPOINT], /^teacher: expected --demo or --teacher, got both\./],
    ['no text', ['evaluate', '--teacher', CHECKPOINT], /^text: expected --text PATH, got none\./],
    [
      'a path with nothing there',
      ['inspect', '--teacher', 'no/such/folder'],
      /no\/such\/folder: expected a file or folder, got nothing there\./,
    ],
    ['a width that heads do not divide', [...plan, '--width', '18'], /Nearest legal: width 16 = 4 heads x 4 .*; width 20 = 4 heads x 5/],
    ['more layers than the teacher', [...plan, '--layers', '4'], /Nearest legal: .* with 3 layers/],
    ['a limit below the smallest', [...plan, '--max-mb', '0.001'], /expected room for the smallest student/],
    ['a shape beside a limit', [...plan, '--max-mb', '1', '--preset', 'half'], /got preset as well/],
    ['a number that is none', [...plan, '--layers', 'three'], /Expected a whole number from 1 up, got three\./],
    ['an unknown option', [...plan, '--widht', '16'], /unknown option '--widht'/],
    ['an unknown preset', [...plan, '--preset', 'tiny'], /Allowed choices are wid55, wid11, half, quarter/],
    ['a text that is none', ['evaluate', '--teacher', CHECKPOINT, '--text', join(CHECKPOINT, 'model.safetensors')], /binary file/],
    ['more threads than any machine has', ['evaluate', ...SMALL, '--threads', '100000'], /from 1 to 1024, got 100000/],
  ])('%s', async (_, options, sentence) => {
    const { code, stdout, stderr } = await terminal(options);
    expect(stderr).toMatch(sentence);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(stdout).toBe('');
    expect(code).toBe(2);
    expect(existsSync('never')).toBe(false);
  });
});

test('help names every command, with examples and exit codes', async () => {
  const { code, stdout } = await terminal(['--help']);
  expect(code).toBe(0);
  for (const command of ['compress', 'plan', 'inspect', 'evaluate', 'attention', 'export', 'runs', 'bench'])
    expect(stdout).toContain(`\n  ${command} `);
  expect(stdout).toContain('Examples:');
  expect(stdout).toContain('130 interrupted');
});

test('inspect reports the checkpoint', async () => {
  const { code, stdout } = await terminal(['inspect', '--teacher', CHECKPOINT]);
  expect(code).toBe(0);
  expect(stdout).toContain('3 layers, width 32 = 4 heads x 8, FFN 48');
  expect(stdout).toContain('Parameters: 27,053');
});

test('plan counts as the exported student does, and writes nothing', async () => {
  await inScratch(async (folder) => {
    const out = join(folder, 'student');
    const planned = lines((await terminal(['plan', '--teacher', CHECKPOINT, '--width', '16', '--layers', '2', '--json'])).stdout).find(
      ({ kind }) => kind === 'plan',
    );
    expect(planned?.['cost']).toMatchObject({ teacherParameters: 27_053 });
    expect(planned?.['phases']).toMatchObject([{ phase: 'compactors', steps: 100 }]);
    const made = await terminal([...FAST, '--width', '16', '--layers', '2', '--steps', '1', '--out', out]);
    expect(made.code).toBe(0);
    const { tensors } = readSafetensors(new Uint8Array(readFileSync(join(out, 'model.safetensors'))));
    // Hugging Face's file repeats the decoder's bias when the decoder is untied.
    tensors.delete('cls.predictions.decoder.bias');
    const parameters = [...tensors.values()].reduce((sum, { data }) => sum + data.length, 0);
    expect(planned?.['cost']).toMatchObject({ parameters });
  });
});

test('a student of fewer layers alone keeps the one table of words and decoder, unless told otherwise', async () => {
  const parametersOf = async (...options: string[]): Promise<number> => {
    const { stdout } = await terminal(['plan', '--teacher', CHECKPOINT, '--width', '32', '--intermediate', '48', '--json', ...options]);
    return Number(/"kind":"plan".*?"parameters":(\d+)/.exec(stdout)?.[1]);
  };
  const shallow = await parametersOf('--layers', '2');
  expect(shallow).toBeLessThan(27_053);
  expect(await parametersOf('--layers', '2', '--tied')).toBe(shallow);
  const table = (await parametersOf('--layers', '2', '--no-tied')) - shallow;
  expect(table).toBeGreaterThan(0);
  expect(table % 32).toBe(0);
});

describe('compress', () => {
  test('writes the folder; evaluate reads it back with the same numbers; its run.json gives the same run again', async () => {
    await inScratch(async (folder) => {
      const out = join(folder, 'student');
      const first = await terminal([...FAST, '--steps', '5', '--seed', '7', '--json', '--out', out]);
      expect(first.stderr).toBe('');
      expect(first.code).toBe(0);
      const events = lines(first.stdout);
      const result = events.find(({ kind }) => kind === 'result');
      expect(events.filter(({ kind }) => kind === 'step').map(({ step }) => step)).toEqual([1, 2, 3, 4, 5]);
      for (const file of ['config.json', 'model.safetensors', 'onnx/model.onnx', 'README.md', 'run.json', 'vocab.txt'])
        expect(existsSync(join(out, file)), file).toBe(true);

      const judged = await terminal(['evaluate', ...SMALL, '--seed', '7', '--student', out, '--json']);
      expect(lines(judged.stdout).find(({ kind }) => kind === 'evaluation')).toMatchObject({
        teacher: result?.['teacher'],
        student: result?.['trained'],
      });

      const again = await terminal([...SMALL, '--recipe', join(out, 'run.json'), '--json', '--out', join(folder, 'again')]);
      expect(lines(again.stdout).find(({ kind }) => kind === 'result')).toMatchObject({ trained: result?.['trained'], stepsDone: 5 });
    });
  });

  test('trains a baseline by its name', async () => {
    await inScratch(async (folder) => {
      const out = join(folder, 'student');
      const { code } = await terminal([...FAST, '--mode', 'prune', '--steps', '2', '--out', out]);
      expect(code).toBe(0);
      const run: unknown = JSON.parse(readFileSync(join(out, 'run.json'), 'utf8'));
      expect(run).toMatchObject({ recipe: { mode: 'prune' }, result: { stepsDone: 2 } });
    });
  });

  test('writes the calibrated student without a step', async () => {
    await inScratch(async (folder) => {
      const out = join(folder, 'student');
      const { code, stdout } = await terminal([...FAST, '--steps', '0', '--out', out]);
      expect(code).toBe(0);
      expect(stdout.match(/Student at step 0: held-out loss/g)).toHaveLength(1);
      expect(stdout).toMatch(/^student, 0 steps +\d+\.\d+ /m);
      expect(stdout).not.toContain('student, untrained');
      const card = readFileSync(join(out, 'README.md'), 'utf8');
      expect(card).toContain('held-out text of a student that no step has trained:');
      expect(card).toContain('Nothing was trained. Seed 1.');
    });
  });

  test('in plain lines where there is no terminal', async () => {
    await inScratch(async (folder) => {
      const { code, stdout } = await terminal([...FAST, '--steps', '4', '--preset', 'quarter', '--out', join(folder, 'student')]);
      expect(code).toBe(0);
      expect(stdout).not.toContain('\r');
      expect(stdout).not.toContain('\u001B');
      expect(stdout).toMatch(/Student: 3 layers, width 8 = 4 heads x 2, FFN 12/);
      // The first step is not timed, and no line is written twice.
      expect(stdout).toMatch(/^compactors #.* 1\/4 {2}loss \d+\.\d+$/m);
      expect(stdout).toMatch(/^compactors #.* 2\/4 {2}loss \d+\.\d+ {2}[\d,]+ tokens\/s {2}\d+:\d+ left$/m);
      const said = stdout.split('\n').filter((text) => text !== '');
      expect(said.filter((text, at) => text === said[at - 1])).toEqual([]);
      expect(stdout).toMatch(/student, 4 steps +\d+\.\d+ +\d+\.\d %/);
    });
  });

  test('opens no connection, start to end', async () => {
    await inScratch(async (folder) => {
      const guard = './tests/cli/noNetwork.mjs';
      const { code, stderr } = await terminal([...FAST, '--steps', '2', '--out', join(folder, 'student')], undefined, [guard]);
      expect([code, stderr]).toEqual([0, '']);
      // The guard itself is alive: an import by address would meet it.
      const tried = await terminal(['--help'], undefined, [guard, 'data:text/javascript,await fetch("http://127.0.0.1:45678")']);
      expect(tried.code).toBe(99);
    });
  });

  test('interrupted: stops after a step, writes the student as it stands, and says so by code 130', async () => {
    await inScratch(async (folder) => {
      const out = join(folder, 'student');
      const { code, stdout, stderr } = await interrupted(
        [...FAST, '--steps', '100000', '--no-compactors', '--json', '--out', out],
        '"kind":"step"',
      );
      expect(code).toBe(130);
      expect(stderr).toContain('Stopping after this step; a checkpoint and the student as it stands will be written.');
      expect(lines(stdout).find(({ kind }) => kind === 'result')).toMatchObject({ stopped: true });
      const run: unknown = JSON.parse(readFileSync(join(out, 'run.json'), 'utf8'));
      expect(run).toMatchObject({ result: { stopped: true } });
      expect(existsSync(join(out, 'onnx/model.onnx'))).toBe(true);
      expect(existsSync(join(out, 'wid'))).toBe(false);
    });
  });

  test('refuses a recipe with a name it does not know, or a value of another kind', async () => {
    await inScratch(async (folder) => {
      const recipe = join(folder, 'recipe.json');
      for (const [text, sentence] of [
        ['{"step": 3}', /got step\. Take it out\./],
        ['{"steps": "many"}', /steps: expected a number, got "many"/],
        ['{"student": {"width": 3}}', /recipe\.json\.student: .*got width/],
        ['{"mode": "magic"}', /mode: expected calibrated, .*got magic/],
        ['not json', /expected JSON/],
      ] as const) {
        writeFileSync(recipe, text);
        const { code, stderr } = await terminal(['plan', '--teacher', CHECKPOINT, '--recipe', recipe]);
        expect(stderr).toMatch(sentence);
        expect(code).toBe(2);
      }
    });
  });

  test('a run that diverges fails with code 1, and writes the student that it fell back to', async () => {
    await inScratch(async (folder) => {
      const recipe = join(folder, 'recipe.json');
      writeFileSync(recipe, '{"compactorLearningRate": 1e30, "warmup": 0, "calibrationTokens": 2000}');
      const out = join(folder, 'student');
      const { code, stdout, stderr } = await terminal([...SMALL, '--recipe', recipe, '--steps', '20', '--out', out]);
      expect(stderr).toMatch(
        /^run: loss is NaN at step 1 .*; the student is that of step 0\. Try a lower learning rate .* That student was written to .*student\.$/m,
      );
      expect(stdout).toMatch(/^student, 0 steps /m);
      expect(code).toBe(1);
      expect(existsSync(join(out, 'model.safetensors'))).toBe(true);
      expect(readFileSync(join(out, 'README.md'), 'utf8')).toMatch(
        /held-out text after 0 of 20 steps:\n\nThe run ended early by itself \(loss is NaN/,
      );
    });
  });

  test('an output path that is a file is refused before any work', async () => {
    const { code, stderr, stdout } = await terminal([...FAST, '--steps', '1', '--out', TEXT]);
    expect(stderr).toMatch(/^--out .*a1\.txt: expected a folder to write to, got .*a1\.txt, which is a file\./);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });
});

test('attention gives a table of similarities, and the maps of a sentence as SVG that hostile tokens cannot break', async () => {
  await inScratch(async (folder) => {
    const out = join(folder, 'maps');
    const asked = ['attention', ...SMALL, '--student', CHECKPOINT, '--layer', '1', '--sentence', 'a <script> & "b"', '--out', out];
    const { code, stdout, stderr } = await terminal([...asked, '--json']);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const found = lines(stdout).find(({ kind }) => kind === 'attention');
    // The teacher beside itself is identical.
    expect(found).toHaveProperty('layerMap', [0, 1, 2]);
    expect(found).toHaveProperty('similarity.mean', expect.closeTo(1, 5));
    expect(found).toHaveProperty('similarity.cosine', expect.closeTo(1, 5));
    expect(readdirSync(out)).toEqual([0, 1, 2, 3].map((head) => `layer-1-head-${head}.svg`));
    const svg = readFileSync(join(out, 'layer-1-head-0.svg'), 'utf8');
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"/);
    expect(svg).not.toMatch(/<script|[^;]& /);
    expect(svg.match(/<rect /g)?.length).toBeGreaterThan(3 * 9);
  });
  const { code, stderr } = await terminal(['attention', ...SMALL, '--student', CHECKPOINT, '--sentence', 'alone']);
  expect(code).toBe(2);
  expect(stderr).toMatch(/expected --sentence and --out together/);
});
