import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { decodeRecord } from '../../src/studio/runs/runRecord.ts';
import type { Recipe } from '../../src/studio/api/recipe.ts';
import { defaultRecipe } from '../../src/studio/recipe/recipe.ts';
import { readTeacher } from '../../src/studio/teacher/teacher.ts';
import { buildCorpus } from '../../src/text/corpus.ts';
import { Random } from '../../src/tensor/random.ts';
import { CHECKPOINT, TEXT as PROSE } from '../cli/terminal.ts';
import { TEACHER, TEXT } from '../studio/runs/runBench.ts';
import { largestDifference, lossesOf, studentOf, writeJob } from './jobBench.ts';
import { PYTHON, python, trainJob, type PythonEnded } from './python.ts';

const STEPS = 150;
const KILLS = 20;
let scratch: string;
let written: string;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'wid-studio-processes-'));
  written = join(scratch, 'written');
  if (PYTHON === undefined) return;
  const engine = await WasmEngine.create(1);
  try {
    const teacher = await readTeacher('golden', TEACHER);
    const text = TEXT.map(({ path, bytes }) => ({
      name: path,
      text: new TextDecoder().decode(bytes instanceof Uint8Array ? bytes : undefined),
    }));
    const corpus = await buildCorpus(text, teacher.tokenizer, { sequence: 16, seed: 1 });
    const sizes = { batch: 8, sequence: 16, calibrationTokens: 300, evaluateEvery: 100, documents: 'joined', compactorShare: 0.5 } as const;
    const recipe: Recipe = { ...defaultRecipe(teacher.report), ...sizes, steps: STEPS };
    await writeJob(engine, teacher, corpus, recipe, written);
  } finally {
    engine.dispose();
  }
});

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** A copy of the job that was written. */
function jobNamed(name: string): string {
  const job = join(scratch, name);
  cpSync(written, job, { recursive: true });
  return job;
}

const OPTIONS = ['--teacher', CHECKPOINT, '--text', PROSE];

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (typeof address === 'object' && address !== null) resolve(address.port);
        else reject(new Error('no port'));
      });
    });
  });
}

/**
 * Trains a job on several processes, as torchrun starts them.
 * @param jobs one a process   @param watch hears what the first one says, and may kill all of them   @param started may do so from the start on
 */
async function trainTogether(
  jobs: readonly string[],
  options: readonly string[],
  watch: (stdout: string, kill: () => void) => void = () => {},
  started: (kill: () => void) => void = () => {},
): Promise<PythonEnded[]> {
  const port = String(await freePort());
  const kills: (() => void)[] = [];
  const killAll = (): void => kills.forEach((each) => each());
  started(killAll);
  return Promise.all(
    jobs.map((job, rank) =>
      python(
        ['-m', 'wid_cluster', job, '--threads', '1', '--device', 'cpu', ...options],
        {
          RANK: String(rank),
          LOCAL_RANK: String(rank),
          WORLD_SIZE: String(jobs.length),
          MASTER_ADDR: '127.0.0.1',
          MASTER_PORT: port,
        },
        (stdout) => {
          if (rank === 0) watch(stdout, killAll);
        },
        (kill) => {
          kills[rank] = kill;
        },
      ),
    ),
  );
}

describe.skipIf(PYTHON === undefined)('a job on several processes', () => {
  let alone: string;

  beforeAll(async () => {
    alone = jobNamed('alone');
    const { code, stderr } = await trainJob(alone, OPTIONS);
    expect(stderr).toBe('');
    expect(code).toBe(0);
  });

  test('two processes have the losses of one whose batch is twice theirs', async () => {
    const job = jobNamed('two');
    const ended = await trainTogether([job, job], OPTIONS);
    expect(ended.map(({ code }) => code)).toEqual([0, 0]);
    const [one, two] = [lossesOf(alone), lossesOf(job)];
    expect(two).toHaveLength(STEPS);
    const apart = Math.max(...two.map((loss, step) => Math.abs(loss - (one[step] ?? Number.NaN))));
    console.log(`two processes: losses differ by at most ${apart.toExponential(1)} over ${STEPS} steps`);
    expect(apart).toBeLessThan(1e-4);
  });

  test('killed at random moments, and gone on with one process or two, a run loses nothing but the steps since its checkpoint', async () => {
    const job = jobNamed('killed');
    const random = new Random(Number(process.env['WID_SEED'] ?? 1));
    const lives: string[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      const count = 1 + random.integer(2);
      // Before it trains now and then, else from its first step on.
      const early = random.uniform() < 0.2;
      const wait = Math.floor((early ? 4000 : 400) * random.uniform());
      let doomed = false;
      const doom = (killAll: () => void): void => {
        if (!doomed) setTimeout(killAll, wait);
        doomed = true;
      };
      const ended = await trainTogether(
        Array.from({ length: count }, () => job),
        [...OPTIONS, '--keep-every', '5'],
        (stdout, killAll) => {
          if (/\d+\/\d+ {2}loss/.test(stdout)) doom(killAll);
        },
        early ? doom : undefined,
      );
      if (ended.every(({ code }) => code === 0)) break;
      expect(ended[0]?.signal).toBe('SIGKILL');
      const kept = existsSync(join(job, 'checkpoints'))
        ? readdirSync(join(job, 'checkpoints')).filter((name) => name.endsWith('.ckpt'))
        : [];
      expect(kept.length).toBeLessThanOrEqual(3);
      lives.push(`${count}: ${kept.toSorted().at(-1) ?? 'none'}`);
    }
    const { code, stderr } = await trainJob(job, [...OPTIONS, '--keep-every', '5']);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const [one, other] = [lossesOf(alone), lossesOf(job)];
    expect(other).toHaveLength(STEPS);
    const apart = Math.max(...other.map((loss, step) => Math.abs(loss - (one[step] ?? Number.NaN))));
    console.log(`killed ${lives.length} times (${lives.join('; ')}): losses differ by at most ${apart.toExponential(1)}`);
    expect(lives).toHaveLength(KILLS);
    expect(apart).toBeLessThan(1e-4);
    expect(largestDifference((await studentOf(alone)).model.tensors, (await studentOf(job)).model.tensors)).toBeLessThan(1e-3);
    const record = await decodeRecord('run.record', readFileSync(join(job, 'run.record')));
    expect(record).toMatchObject({ ending: 'done', done: STEPS });
    expect(record.metrics.steps).toHaveLength(5 * STEPS);
    expect(readdirSync(join(job, 'checkpoints'))).toEqual([]);
  });

  test.each([
    [
      'another version',
      (job: string) => change(job, 'run.json', '"version": 1', '"version": 9'),
      /expected version 1, got version 9 of WID Studio/,
    ],
    [
      'a start that was cut short',
      (job: string) => writeFileSync(join(job, 'start.safetensors'), 'no'),
      /expected the start that the studio wrote/,
    ],
  ])('a job of %s is refused in a sentence, with exit code 2', async (_, damage, message) => {
    const job = jobNamed(`refused-${Math.random()}`);
    damage(job);
    const { code, stderr } = await trainJob(job, OPTIONS);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(code).toBe(2);
    expect(readdirSync(job).filter((name) => /metrics|record|student|checkpoints/.test(name))).toEqual([]);
  });

  test('a process with another recipe is told once, by the first one, and all end with code 2', async () => {
    const [job, other] = [jobNamed('ours'), jobNamed('theirs')];
    change(other, 'run.json', '"warmup": 0.1', '"warmup": 0.2');
    const ended = await trainTogether([job, other], OPTIONS);
    expect(ended.map(({ code }) => code)).toEqual([2, 2]);
    expect(ended[0]?.stderr).toMatch(
      /^job: process 1 — expected \w+, as process 0 has it, got \w+\. All processes must see the same job\.\n$/,
    );
    expect(ended[1]?.stderr).toBe('');
  });

  test('a teacher without one of its shards, and one of other numbers, are refused', async () => {
    const job = jobNamed('teachers');
    const folder = join(scratch, 'sharded');
    cpSync(join(CHECKPOINT, '../sharded'), folder, { recursive: true });
    const shard = readdirSync(folder).find((name) => /-of-\d+\.safetensors$/.test(name)) ?? '';
    rmSync(join(folder, shard));
    const missing = await trainJob(job, ['--teacher', folder, '--text', PROSE]);
    expect(missing.stderr).toMatch(new RegExp(`^teacher: .*${shard} — expected shard \\d of \\d that .*index\\.json names, got none`));
    expect(missing.code).toBe(2);
    const half = await trainJob(job, ['--teacher', join(CHECKPOINT, '../safetensors-bf16'), '--text', PROSE]);
    expect(half.stderr).toMatch(/^teacher: .* — expected the numbers of golden, which the job was written for, got others\./);
    expect(half.code).toBe(2);
  });

  test('a vocabulary that does not fit the teacher is refused', async () => {
    const job = jobNamed('vocabulary');
    const path = join(job, 'tokenizer/tokenizer.json');
    // A letter gets an id beyond the table.
    writeFileSync(path, readFileSync(path, 'utf8').replace(/("e"): \d+/, '$1: 9000'));
    const { code, stderr } = await trainJob(job, OPTIONS);
    expect(stderr).toMatch(/^vocabulary: 'e' — expected an id below 61, the rows of the teacher's table of words, got 9000\./);
    expect(code).toBe(2);
  });
});

function change(job: string, file: string, from: string, to: string): void {
  const path = join(job, file);
  const text = readFileSync(path, 'utf8');
  expect(text).toContain(from);
  writeFileSync(path, text.replace(from, to));
}
