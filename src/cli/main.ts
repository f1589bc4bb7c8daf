import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, Option } from 'commander';
import { unzipSync } from 'fflate';
import { createSession } from '../studio/session.ts';
import type { EngineChoice, GivenFile, HeldOut, ModelShape, Recipe, StudioEvent } from '../studio/studioApi.ts';

const DEMO = fileURLToPath(new URL('../../public/demo/', import.meta.url));

interface CompressOptions {
  readonly demo?: boolean;
  readonly teacher?: string;
  readonly text?: readonly string[];
  readonly width?: number;
  readonly layers?: number;
  readonly heads?: number;
  readonly headSize?: number;
  readonly intermediate?: number;
  readonly steps: number;
  readonly batch?: number;
  readonly sequence?: number;
  readonly seed: number;
  readonly threads?: number;
  readonly engine: EngineChoice;
  readonly out: string;
}

/** What the user gave is wrong: exit code 2. */
class UsageError extends Error {}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new UsageError(`expected a whole number, got ${text}.`);
  return value;
}

function filesOf(path: string): GivenFile[] {
  let paths: string[];
  try {
    paths = statSync(path).isDirectory()
      ? readdirSync(path)
          .toSorted()
          .map((name) => join(path, name))
      : [path];
  } catch {
    throw new UsageError(`${path}: there is no such file or folder.`);
  }
  return paths
    .filter((file) => statSync(file).isFile())
    .map((file) => ({ path: basename(file), bytes: new Uint8Array(readFileSync(file)) }));
}

function studentShape(teacher: ModelShape, half: ModelShape, options: CompressOptions): ModelShape {
  const heads = options.heads ?? teacher.heads;
  const hiddenSize = options.width ?? (options.headSize === undefined ? half.hiddenSize : heads * options.headSize);
  const headSize = options.headSize ?? hiddenSize / heads;
  const intermediateSize = options.intermediate ?? Math.round((teacher.intermediateSize * hiddenSize) / teacher.hiddenSize);
  return { layers: options.layers ?? teacher.layers, hiddenSize, heads, headSize, intermediateSize };
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

function bar(done: number, total: number): string {
  const filled = Math.round((24 * done) / total);
  return `${'#'.repeat(filled)}${'.'.repeat(24 - filled)}`;
}

function line(event: StudioEvent): string {
  if (event.kind === 'progress') return `${event.stage} ${bar(event.done, event.total)} ${event.done}/${event.total}`;
  if (event.kind === 'heldOut')
    return `${event.model === 'teacher' ? 'Teacher' : `Student at step ${event.step}`}: held-out loss ${event.value.loss.toFixed(3)}, accuracy ${percent(event.value.accuracy)}`;
  const left = Math.round(event.secondsLeft);
  return `${event.phase} ${bar(event.step, event.steps)} ${event.step}/${event.steps}  loss ${event.loss.toFixed(3)}  ${Math.round(event.tokensPerSecond).toLocaleString('en')} tokens/s  ${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')} left`;
}

/** A bar that rewrites itself on a terminal; plain lines, fewer, elsewhere. */
function reporter(): (event: StudioEvent) => void {
  const { stdout } = process;
  let open = false;
  return (event) => {
    if (stdout.isTTY) {
      stdout.write(`${open ? '\r\u001B[K' : ''}${line(event)}`);
      open = event.kind !== 'heldOut';
      if (!open) stdout.write('\n');
    } else if (
      event.kind === 'heldOut' ||
      (event.kind === 'step' && event.step % 10 === 0) ||
      (event.kind === 'progress' && event.done === event.total)
    )
      console.log(line(event));
  };
}

async function compress(options: CompressOptions): Promise<void> {
  if (options.demo !== true && (options.teacher === undefined || options.text === undefined))
    throw new UsageError('give --teacher DIR and --text FILE, or --demo.');
  const session = createSession();
  const engine = await session.engine(options.engine, options.threads);
  console.log(`Engine: ${engine.name} (${engine.detail})`);
  const teacherPath = options.teacher ?? join(DEMO, 'teacher');
  const teacher = await session.loadTeacher(basename(resolve(teacherPath)), filesOf(teacherPath));
  const half = await session.defaults();
  const sequence = options.sequence ?? half.sequence;
  const texts = (options.text ?? [join(DEMO, 'prose')]).flatMap(filesOf);
  const text = await session.loadText('text', texts, sequence, options.seed);
  console.log(`Text: ${text.tokens.toLocaleString('en')} tokens in ${text.documents} documents, ${percent(text.unknownShare)} unknown`);
  const recipe: Recipe = {
    ...half,
    student: studentShape(teacher.shape, half.student, options),
    steps: options.steps,
    sequence,
    batch: options.batch ?? half.batch,
    seed: options.seed,
  };
  const cost = await session.plan(recipe);
  const listen = reporter();
  let stopping = false;
  process.on('SIGINT', () => {
    if (stopping) process.exit(130);
    stopping = true;
    console.error('\nStopping after this step. Press again to stop at once.');
    void session.stop();
  });
  const result = await session.start(recipe, listen);
  const exported = await session.exportStudent(basename(resolve(options.out)), listen);
  for (const [path, bytes] of Object.entries(unzipSync(exported.zip))) {
    const target = join(options.out, path.slice(path.indexOf('/') + 1));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, bytes);
  }
  const row = (name: string, value: HeldOut, parameters: number): string =>
    [
      name.padEnd(20),
      value.loss.toFixed(3).padStart(13),
      percent(value.accuracy).padStart(10),
      percent(value.agreement).padStart(10),
      `${(parameters / 1e6).toFixed(2)} M`.padStart(11),
      megabytes(4 * parameters).padStart(10),
    ].join('');
  console.log(
    [
      '',
      `${''.padEnd(20)}held-out loss  accuracy agreement parameters      fp32`,
      row('teacher', result.teacher, cost.teacherParameters),
      row('student, untrained', result.untrained, cost.parameters),
      row(`student, ${result.stepsDone} steps`, result.trained, cost.parameters),
      '',
      `Largest difference between the engine's logits and onnxruntime-web's: ${exported.largestDifference.toExponential(2)} (${exported.checked.map(({ batch, length }) => `${batch} x ${length}`).join(', ')})`,
      `Written to ${options.out}`,
    ].join('\n'),
  );
  process.exit(result.stopped ? 130 : 0);
}

const program = new Command('wid-studio')
  .description('Makes a BERT smaller by Weight-Inherited Distillation, on this machine.')
  .option('--demo', 'the bundled teacher and prose')
  .option('--teacher <dir>', 'a Hugging Face folder with config.json, model.safetensors and a tokenizer')
  .option('--text <path...>', 'text files, or folders of them')
  .option('--width <n>', "the student's hidden size (default: half)", whole)
  .option('--layers <n>', "layers (default: the teacher's)", whole)
  .option('--heads <n>', "attention heads (default: the teacher's)", whole)
  .option('--head-size <n>', 'dimensions a head (default: width / heads)', whole)
  .option('--intermediate <n>', 'FFN size (default: in proportion to the width)', whole)
  .option('--steps <n>', 'optimiser steps', whole, 100)
  .option('--batch <n>', 'sequences a step', whole)
  .option('--sequence <n>', 'tokens a sequence', whole)
  .option('--seed <n>', 'the same seed gives the same run', whole, 1)
  .option('--threads <n>', 'CPU threads (default: all)', whole)
  .addOption(new Option('--engine <name>', 'where to compute').choices(['auto', 'cpu', 'reference']).default('auto'))
  .requiredOption('--out <dir>', 'folder for the student')
  .addHelpText('after', '\nExample:\n  npm run compress -- --demo --width 128 --layers 4 --steps 100 --out student')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

try {
  await compress(program.parse().opts<CompressOptions>());
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(error instanceof UsageError || (error instanceof Error && 'code' in error && error.code !== 'diverged') ? 2 : 1);
}
