// `npm run cost`: what a WID step costs against the cost model's own count, and against the paper's inserted form.
import { mkdirSync, readFileSync, writeFileSync, existsSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { BertConfig } from '../src/models/config.ts';
import { DEMO_TEACHER, filesOf } from '../src/cli/files.ts';
import type { Engine } from '../src/engines/engine.ts';
import { WasmEngine } from '../src/engines/wasm/wasmEngine.ts';
import { plan } from '../src/graph/plan.ts';
import { presetShape } from '../src/studio/recipe/presets.ts';
import { shapeOf } from '../src/studio/teacher/teacherShape.ts';
import { costPage, type CostResult } from './widCostPage.ts';
import { readTeacher } from '../src/studio/teacher/teacher.ts';
import { Random } from '../src/tensor/random.ts';
import { sizeOf } from '../src/tensor/shape.ts';
import type { Tensor } from '../src/tensor/tensor.ts';
import { maskedSlots } from '../src/text/maskedBatch.ts';
import { Trainer } from '../src/training/trainer.ts';
import { compactorTraining, FROZEN_TEACHER, weightTraining, type TrainingGraph } from '../src/training/trainingGraph.ts';
import type { Meeting } from '../src/wid/meeting.ts';
import { squareTable } from '../src/wid/paper/masks.ts';
import { chooseSites } from '../src/wid/siteCost.ts';
import { spacesOf, spaceTable, studentConfig, type SpaceTable } from '../src/wid/spaces.ts';
import { maskedBatch, maskedWords } from '../src/tasks/maskedWords.ts';
import type { StepShape, TaskBatch } from '../src/tasks/task.ts';

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    model: { type: 'string', default: 'demo' },
    layers: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    form: { type: 'string', multiple: true },
    out: { type: 'string', default: 'docs/results/wid-cost.json' },
  },
});

if (values.help) {
  console.log(`npm run cost -- [options]
  --model NAME    demo or base, BERT-base's shape (default: demo)
  --layers N      only so many of its layers
  --rounds N      steps of every form, in turn (default: 5)
  --form NAME     only this form; may be given several times
  --out FILE      where the numbers go (default: docs/results/wid-cost.json)`);
  process.exit();
}

const SEQUENCE = 128;
/** Sequences in a step: 4,096 tokens. */
const BATCH = 32;

/** One way to train, as a graph that is planned and, where it fits, run. */
interface Form {
  readonly name: string;
  readonly graph: TrainingGraph;
}

interface Measured {
  readonly form: string;
  readonly gflop: number;
  /** Of the plan: weights, optimiser state and activations at their peak. */
  readonly megabytes: number;
  /** Median of the rounds; absent where the form does not fit the engine. */
  readonly seconds?: number;
}

async function configOf(): Promise<BertConfig> {
  const { model } = await readTeacher('demo', filesOf(DEMO_TEACHER));
  const base = { hiddenSize: 768, heads: 12, intermediateSize: 3072, vocabSize: 30_522, maxPositions: 512, layers: 12 };
  const whole = values.model === 'base' ? { ...model.config, ...base } : model.config;
  return values.layers === undefined ? whole : { ...whole, layers: Number(values.layers) };
}

function formsOf(config: BertConfig, table: SpaceTable, shape: StepShape): Form[] {
  const wid = (used: SpaceTable, meeting: Meeting): TrainingGraph => compactorTraining(config, used, shape, { ...FROZEN_TEACHER, meeting });
  return [
    { name: 'plain', graph: weightTraining(studentConfig(config, table), shape, 0) },
    { name: 'merged', graph: wid(table, 'merged') },
    { name: 'counted', graph: wid(table, 'counted') },
    { name: 'inserted', graph: wid(squareTable(table), 'applied') },
  ];
}

/** Small random numbers for every state: costs do not depend on them. */
function randomStates(graph: TrainingGraph, seed: number): Map<string, Tensor> {
  const random = new Random(seed);
  return new Map(
    [...graph.trained, ...graph.frozen].map(([name, shape]) => {
      const gain = name.endsWith('LayerNorm.weight') ? 1 : 0;
      const scale = gain === 1 ? 0 : 0.5 / Math.sqrt(shape.at(-1) ?? 1);
      return [name, { shape, data: Float32Array.from({ length: sizeOf(shape) }, () => gain + scale * random.normal()) }];
    }),
  );
}

function randomBatch(config: BertConfig, shape: StepShape): TaskBatch {
  const random = new Random(5);
  const tokens = shape.batch * shape.sequence;
  return maskedBatch({
    inputIds: Int32Array.from({ length: tokens }, () => random.integer(config.vocabSize)),
    attention: new Uint8Array(tokens).fill(1),
    positions: Int32Array.from({ length: shape.slots }, (_, i) => Math.floor((i * tokens) / shape.slots)),
    labels: Int32Array.from({ length: shape.slots }, () => random.integer(config.vocabSize)),
    predicted: shape.slots,
  });
}

const median = (list: readonly number[]): number => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN;

/**
 * Steps of all forms in turn, so that a slow spell of the machine meets them alike. Every form has an engine of its own:
 * WebAssembly's 4 GiB hold one large form, not all.
 */
async function measure(config: BertConfig, shape: StepShape, forms: readonly Form[], rounds: number): Promise<Measured[]> {
  const batch = randomBatch(config, shape);
  const running: { form: Form; engine: Engine; trainer: Trainer; seconds: number[] }[] = [];
  const planned = forms.map((form) => ({ form, plan: plan(form.graph.graph) }));
  for (const { form, plan: laid } of planned) {
    if (values.form?.includes(form.name) === false) continue;
    const engine = await WasmEngine.create(availableParallelism());
    if (laid.arenaBytes > engine.limits.arenaBytes) {
      engine.dispose();
      continue;
    }
    const trainer = await Trainer.create(engine, form.graph, shape, randomStates(form.graph, 1));
    running.push({ form, engine, trainer, seconds: [] });
  }
  for (let round = 0; round <= rounds; round++)
    for (const { form, trainer, seconds } of running) {
      // The inserted form of a large model takes long: once is enough to know that.
      if (form.name === 'inserted' && round > 1 && (seconds[0] ?? 0) > 10) continue;
      const began = performance.now();
      await trainer.step([batch], 1e-5);
      if (round > 0) seconds.push((performance.now() - began) / 1000);
    }
  const [first] = running;
  detail = first?.engine.describe().detail ?? '';
  for (const { trainer, engine } of running) {
    trainer.dispose();
    engine.dispose();
  }
  return planned.map(({ form, plan: { flops, arenaBytes } }) => {
    const seconds = running.find((candidate) => candidate.form === form)?.seconds ?? [];
    const cost = { form: form.name, gflop: flops / 1e9, megabytes: arenaBytes / 1e6 };
    return seconds.length === 0 ? cost : Object.assign(cost, { seconds: median(seconds) });
  });
}

const config = await configOf();
const quarter = presetShape(shapeOf(config), 'quarter');
const table = spaceTable(
  spacesOf(config),
  {
    residual: quarter.hiddenSize,
    heads: quarter.heads,
    headSize: quarter.headSize,
    inner: quarter.intermediateSize,
    layers: quarter.layers,
  },
  false,
  'first',
);
const shape: StepShape = { task: maskedWords, batch: BATCH, sequence: SEQUENCE, slots: maskedSlots(BATCH, SEQUENCE, 0.15) };
let detail = '';
const measured = await measure(config, shape, formsOf(config, table, shape), Number(values.rounds));

const of = (form: string): Measured | undefined => measured.find((entry) => entry.form === form);
const plain = of('plain');
const rate = plain?.seconds === undefined ? undefined : plain.gflop / plain.seconds;
const overPrediction = (form: string): number | undefined => {
  const entry = of(form);
  return entry?.seconds === undefined || rate === undefined ? undefined : entry.seconds / (entry.gflop / rate);
};
const overMerged = (entry: Measured | undefined): number | undefined => {
  const merged = of('merged')?.seconds;
  return entry?.seconds === undefined || merged === undefined ? undefined : entry.seconds / merged;
};
const sites = chooseSites(config, table, { tokens: BATCH * SEQUENCE, slots: shape.slots }, false);
const name = `${values.model} teacher, ${config.layers} layers x ${config.hiddenSize}, student ${quarter.hiddenSize} wide`;
const result: CostResult = {
  name,
  date: new Date().toISOString().slice(0, 10),
  machine: `${cpus()[0]?.model ?? 'CPU'}, ${availableParallelism()} threads, Node ${process.version}; ${detail}`,
  tokens: BATCH * SEQUENCE,
  predicted: shape.slots,
  forms: measured,
  plainGflopPerSecond: rate ?? null,
  mergedOverPrediction: overPrediction('merged') ?? null,
  countedOverPrediction: overPrediction('counted') ?? null,
  insertedOverMerged: overMerged(of('inserted')) ?? null,
  applied: [...sites].flatMap(([site, how]) => (how === 'applied' ? [site] : [])),
};

console.log(`${name}, ${BATCH * SEQUENCE} tokens a step, ${shape.slots} predicted`);
for (const entry of measured)
  console.log(
    `  ${entry.form.padEnd(9)} ${entry.gflop.toFixed(1).padStart(8)} GFLOP  ${entry.megabytes.toFixed(0).padStart(6)} MB  ${entry.seconds === undefined ? 'not run' : `${entry.seconds.toFixed(3)} s, ${(entry.gflop / entry.seconds).toFixed(1)} GFLOP/s`}`,
  );
console.log(
  `  merged / predicted from the plain step's rate: ${result.mergedOverPrediction?.toFixed(3) ?? '-'} (asked: at most 1.15); counted: ${result.countedOverPrediction?.toFixed(3) ?? '-'}`,
);
console.log(`  inserted / merged: ${result.insertedOverMerged?.toFixed(2) ?? '-'} (asked: at least 8)`);
console.log(`  applied to activations by count: ${result.applied.join(', ') || 'nothing'}`);

const out = resolve(values.out);
const isResult = (entry: unknown): entry is CostResult => typeof entry === 'object' && entry !== null && 'forms' in entry;
const known: unknown = existsSync(out) ? JSON.parse(readFileSync(out, 'utf8')) : [];
const others = Array.isArray(known) ? known.filter(isResult).filter((entry) => entry.name !== name) : [];
const all = [...others, result];
mkdirSync(dirname(out), { recursive: true });
writeFileSync(out, `${JSON.stringify(all, null, 2)}\n`);
writeFileSync(out.replace(/\.json$/, '.md'), costPage(all));
