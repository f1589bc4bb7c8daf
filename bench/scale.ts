// `npm run scale`: a BERT-base-shaped checkpoint with random weights, calibrated and trained three steps to half width
// on the CPU engine, with the time of every stage and the memory. Minutes; not part of `npm test`.
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { freshModel } from '../src/models/freshModel.ts';
import { countParameters } from '../src/models/model.ts';
import { DEMO_TEACHER, DEMO_TEXT, filesOf } from '../src/cli/files.ts';
import { WasmEngine } from '../src/engines/wasm/wasmEngine.ts';
import { compress } from '../src/studio/compression/compression.ts';
import { presetShape } from '../src/studio/recipe/presets.ts';
import { shapeOf } from '../src/studio/teacher/teacherShape.ts';
import { defaultRecipe } from '../src/studio/recipe/recipe.ts';
import { stepCosts } from '../src/studio/methods/stepCost.ts';
import { WHOLE_RANK } from '../src/studio/settings/settings.ts';
import type { StudioEvent } from '../src/studio/api/run.ts';
import { readTeacher, type Teacher } from '../src/studio/teacher/teacher.ts';
import { loadCorpus } from '../src/studio/texts/textLoading.ts';

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    layers: { type: 'string', default: '12' },
    steps: { type: 'string', default: '3' },
    tokens: { type: 'string', default: '25000' },
    batch: { type: 'string', default: '8' },
    rank: { type: 'string' },
    guidance: { type: 'string', default: '0' },
    plan: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});

if (values.help) {
  console.log(`npm run scale -- [options]
  --layers N      layers of the teacher (default: 12)
  --steps N       training steps (default: 3)
  --tokens N      tokens read for calibration (default: 25000)
  --batch N       sequences a step (default: 8)
  --rank N        rank of what training adds to compactors (default: the recipe's)
  --guidance S    share of the loss from the teacher's logits (default: 0)
  --plan          print what a step would take by its plan, by rank, and end
  --out FOLDER    also export the student there`);
  process.exit();
}
const GIB = 2 ** 30;
const SEQUENCE = 128;

/** The demo's tokenizer under BERT-base's shape and vocabulary; its words are the first 8,192. */
async function randomBase(layers: number): Promise<Teacher> {
  const demo = await readTeacher('demo', filesOf(DEMO_TEACHER));
  const base = { hiddenSize: 768, heads: 12, intermediateSize: 3072, vocabSize: 30_522, maxPositions: 512, layers };
  const model = freshModel({ ...demo.model.config, ...base }, 1);
  const shape = shapeOf(model.config);
  return { ...demo, model, report: { ...demo.report, shape, maxPositions: base.maxPositions, parameters: countParameters(model.config) } };
}

const teacher = await randomBase(Number(values.layers));
const files = filesOf(DEMO_TEXT);
const wish = { sequence: SEQUENCE, seed: 1 };
const { corpus } = await loadCorpus('prose', files, teacher.tokenizer, wish, () => {}, new AbortController().signal);
// Looking at held-out text is not what is measured: a few sequences will do.
const few = { ...corpus, heldOut: corpus.heldOut.slice(0, Number(values.batch) * SEQUENCE) };
const threads = availableParallelism();
const engine = await WasmEngine.create(threads);
const recipe = {
  ...defaultRecipe(teacher.report),
  student: presetShape(teacher.report.shape, 'half'),
  steps: Number(values.steps),
  batch: Number(values.batch),
  calibrationTokens: Number(values.tokens),
  evaluateEvery: 1000,
  guidance: Number(values.guidance),
  ...(values.rank === undefined ? {} : { rank: Number(values.rank) }),
};

if (values.plan) {
  console.log('| rank | teacher learns | guided | GFLOP a step | GiB | checkpoint, GiB |\n|---|---|---|---|---|---|');
  for (const rank of [WHOLE_RANK, 128, 32, 8, 0])
    for (const teacherLearningRate of [0, recipe.compactorLearningRate])
      for (const guidance of [0, 1])
        for (const { flops, bytes, checkpointBytes } of stepCosts(teacher, { ...recipe, rank, teacherLearningRate, guidance }))
          console.log(
            `| ${rank === WHOLE_RANK ? 'whole' : rank} | ${teacherLearningRate > 0 ? 'yes' : 'no'} | ${guidance > 0 ? 'yes' : 'no'} | ${(flops / 1e9).toFixed(0)} | ${(bytes / GIB).toFixed(2)} | ${(checkpointBytes / GIB).toFixed(2)} |`,
          );
  const own = { ...recipe, mode: 'prune' };
  for (const { flops, bytes, checkpointBytes } of stepCosts(teacher, own))
    console.log(
      `| own weights (prune) | | no | ${(flops / 1e9).toFixed(0)} | ${(bytes / GIB).toFixed(2)} | ${(checkpointBytes / GIB).toFixed(2)} |`,
    );
  process.exit();
}

const stages = new Map<string, number>();
const began = performance.now();
let last = began;
let stage = 'Judging the teacher';
const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
let spent = cpuSeconds();
const enter = (next: string): void => {
  const now = performance.now();
  const used = cpuSeconds();
  stages.set(stage, (stages.get(stage) ?? 0) + (now - last) / 1000);
  if (next !== stage)
    console.log(
      `${stage}: ${(stages.get(stage) ?? 0).toFixed(1)} s, ${(used - spent).toFixed(1)} s of CPU, WASM memory ${(engine.memoryBytes / GIB).toFixed(2)} GiB`,
    );
  if (next !== stage) spent = used;
  [last, stage] = [now, next];
};
const listen = (event: StudioEvent): void => {
  if (event.kind === 'progress') enter(event.stage);
  else if (event.kind === 'heldOut' && event.model === 'student' && event.step === 0) enter('Compiling the step');
  else if (event.kind === 'step') {
    enter(event.step === recipe.steps ? 'Merging and judging' : `Step ${event.step + 1}`);
    console.log(`step ${event.step}: loss ${event.loss.toFixed(4)}, gradient norm ${event.gradientNorm.toExponential(2)}`);
  }
};
console.log(
  `Teacher: ${(countParameters(teacher.model.config) / 1e6).toFixed(1)} M parameters, random; student ${recipe.student.hiddenSize} wide`,
);
for (const { phase, bytes, flops } of stepCosts(teacher, recipe))
  console.log(`Planned ${phase}: ${(flops / 1e9).toFixed(0)} GFLOP a step in ${(bytes / GIB).toFixed(2)} GiB`);
const { result } = await compress(engine, teacher, few, recipe, { proceed: () => Promise.resolve(true) }, listen);
enter('end');
const seconds = (performance.now() - began) / 1000;
const memory = { wasm: engine.memoryBytes / GIB, process: process.resourceUsage().maxRSS / 2 ** 20 };
console.log(
  `${result.stepsDone} steps, ${seconds.toFixed(0)} s in all; WASM memory ${memory.wasm.toFixed(2)} GiB of 4, process ${memory.process.toFixed(2)} GiB at its peak`,
);
if (values.out !== undefined) {
  const path = resolve(values.out);
  mkdirSync(dirname(path), { recursive: true });
  const record = {
    date: new Date().toISOString().slice(0, 10),
    processor: cpus()[0]?.model,
    threads,
    node: process.versions.node,
    layers: Number(values.layers),
    tokens: recipe.calibrationTokens,
    batch: recipe.batch,
    sequence: recipe.sequence,
    seconds: Object.fromEntries([...stages].map(([name, time]) => [name, Number(time.toFixed(1))])),
    total: Number(seconds.toFixed(1)),
    gibibytes: memory,
    costs: stepCosts(teacher, recipe),
  };
  writeFileSync(path, `${JSON.stringify(record, null, 2)}\n`);
}
process.exit(result.fault === null && memory.wasm <= 4 ? 0 : 1);
