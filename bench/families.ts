// `npx tsx bench/families.ts [--family NAME] [--speed]`: a small teacher of every family, trained from random weights on the bundled
// prose, and students of half its width after 100 steps: inherited (the default), pruned, and from scratch. With --speed, what a
// training step takes beside a BERT of the same shape, in turns, as seconds of the processor.
import { parseArgs } from 'node:util';
import { DEMO_TEACHER, DEMO_TEXT, filesOf } from '../src/cli/files.ts';
import { WasmEngine } from '../src/engines/wasm/wasmEngine.ts';
import { plan } from '../src/graph/plan.ts';
import { parseConfig, type ModelConfig } from '../src/models/config.ts';
import { freshModel } from '../src/models/freshModel.ts';
import { countParameters, longestSequence, parameterShapes, type BertModel } from '../src/models/model.ts';
import { compress } from '../src/studio/compression/compression.ts';
import { presetShape } from '../src/studio/recipe/presets.ts';
import { defaultRecipe, judgedShape } from '../src/studio/recipe/recipe.ts';
import { readTeacher, type Teacher } from '../src/studio/teacher/teacher.ts';
import { shapeOf } from '../src/studio/teacher/teacherShape.ts';
import { loadCorpus } from '../src/studio/texts/textLoading.ts';
import { maskedBatch, maskedWords } from '../src/tasks/maskedWords.ts';
import { PLAIN_MASKING } from '../src/tasks/plainMasking.ts';
import { fixedBatches } from '../src/text/maskedBatch.ts';
import { Trainer } from '../src/training/trainer.ts';
import { weightTraining } from '../src/training/trainingGraph.ts';

const { values } = parseArgs({
  options: {
    family: { type: 'string' },
    speed: { type: 'boolean', default: false },
    steps: { type: 'string', default: '100' },
    'teacher-steps': { type: 'string', default: '300' },
  },
});

interface Sizes {
  readonly width: number;
  readonly heads: number;
  readonly layers: number;
  readonly inner: number;
  readonly positions: number;
}

/** Settings of a family's `config.json` for these sizes. A gated FFN has three matrices: two thirds of the neurons are as much work. */
function settingsOf(name: string, { width, heads, layers, inner, positions }: Sizes): Record<string, unknown> {
  const usual = {
    hidden_size: width,
    num_attention_heads: heads,
    num_hidden_layers: layers,
    intermediate_size: inner,
    max_position_embeddings: positions + 1,
    pad_token_id: 0,
  };
  switch (name) {
    case 'distilbert':
      return { model_type: name, dim: width, n_heads: heads, n_layers: layers, hidden_dim: inner, max_position_embeddings: positions };
    case 'electra':
      return { ...usual, model_type: name, embedding_size: width };
    case 'electra-small':
      return { ...usual, model_type: 'electra', embedding_size: width / 2 };
    case 'modernbert':
      return { ...usual, model_type: name, intermediate_size: (2 * inner) / 3, local_attention: 32 };
    default:
      return { ...usual, model_type: name };
  }
}

const NAMES = ['bert', 'distilbert', 'roberta', 'xlm-roberta', 'camembert', 'electra', 'electra-small', 'modernbert'] as const;
const asked = NAMES.filter((name) => values.family === undefined || name === values.family);
if (asked.length === 0) throw new Error(`--family — expected one of ${NAMES.join(', ')}, got ${values.family}.`);

const engine = await WasmEngine.create(1);
const demo = await readTeacher('demo', filesOf(DEMO_TEACHER));
const { vocabSize } = demo.model.config;
const configOf = (name: string, sizes: Sizes): ModelConfig => parseConfig({ ...settingsOf(name, sizes), vocab_size: vocabSize });

function teacherOf(name: string, model: BertModel): Teacher {
  const { config } = model;
  const report = {
    ...demo.report,
    name,
    shape: shapeOf(config),
    maxPositions: longestSequence(config),
    tiedDecoder: config.tieWordEmbeddings,
    parameters: countParameters(config),
  };
  return { ...demo, name, model, report };
}

async function quality(): Promise<void> {
  const small = { width: 96, heads: 4, layers: 3, inner: 192, positions: 64 };
  const wish = { sequence: 64, seed: 1 };
  const { corpus } = await loadCorpus('prose', filesOf(DEMO_TEXT), demo.tokenizer, wish, () => {}, new AbortController().signal);
  const control = { proceed: () => Promise.resolve(true) };
  console.log('Held-out loss (accuracy) of masked tokens; students have half of the width.');
  console.log('| family | teacher | default, untrained | default | prune | scratch |\n|---|---|---|---|---|---|');
  for (const name of asked) {
    const started = process.cpuUsage();
    const random = teacherOf(name, freshModel(configOf(name, small), 1));
    const run = (teacher: Teacher, mode: string, steps: number, student = presetShape(teacher.report.shape, 'half')) =>
      compress(
        engine,
        teacher,
        corpus,
        {
          ...defaultRecipe(teacher.report, student),
          mode,
          steps,
          batch: 16,
          sequence: 64,
          evaluateEvery: 1000,
          calibrationTokens: 8192,
          ...(mode === 'scratch' ? { polishLearningRate: 2e-3 } : {}),
        },
        control,
        () => {},
      );
    const { wholeHeads: _, ...whole } = random.report.shape;
    const taught = await run(random, 'scratch', Number(values['teacher-steps']), whole);
    const teacher = teacherOf(name, taught.model);
    const results = new Map<string, Awaited<ReturnType<typeof run>>['result']>();
    for (const mode of ['calibrated', 'prune', 'scratch']) results.set(mode, (await run(teacher, mode, Number(values.steps))).result);
    const shown = (found: { readonly loss: number; readonly accuracy: number } | undefined): string =>
      found === undefined ? '-' : `${found.loss.toFixed(3)} (${(100 * found.accuracy).toFixed(1)} %)`;
    const inherited = results.get('calibrated');
    const cells = [
      inherited?.teacher,
      inherited?.untrained,
      ...['calibrated', 'prune', 'scratch'].map((mode) => results.get(mode)?.trained),
    ];
    const { user } = process.cpuUsage(started);
    console.log(`| ${name} | ${cells.map((cell) => shown(cell)).join(' | ')} | <!-- ${(user / 1e6).toFixed(0)} s of the processor -->`);
  }
}

async function speed(): Promise<void> {
  const sizes = { width: 256, heads: 4, layers: 4, inner: 768, positions: 128 };
  const batch = 8;
  const size = judgedShape(maskedWords, { ...defaultRecipe(demo.report), batch, sequence: sizes.positions, accumulation: 1 });
  const wish = { sequence: sizes.positions, seed: 1 };
  const { corpus } = await loadCorpus('prose', filesOf(DEMO_TEXT), demo.tokenizer, wish, () => {}, new AbortController().signal);
  const text = { sequences: corpus.heldOut, sequence: sizes.positions };
  const [given] = fixedBatches(text, batch, demo.tokenizer, 1, 1, PLAIN_MASKING);
  if (given === undefined) throw new Error('the text is too short');
  const trainers: { name: string; flops: number; trainer: Trainer; seconds: number[] }[] = [];
  for (const name of new Set(['bert', ...asked])) {
    const config = configOf(name, sizes);
    const graph = weightTraining(config, size, 0.01);
    const { flops } = plan(graph.graph, engine.planOptions);
    const tensors = freshModel(config, 1).tensors;
    if (tensors.size !== parameterShapes(config).size) throw new Error(`${name}: not every parameter has numbers`);
    trainers.push({ name, flops, trainer: await Trainer.create(engine, graph, size, tensors), seconds: [] });
  }
  // In turns, so that whatever else the machine does falls on all alike; the processor's seconds leave waiting out.
  for (let round = 0; round < 9; round++)
    for (const { trainer, seconds } of trainers) {
      const before = process.cpuUsage();
      await trainer.step([maskedBatch(given)], 1e-4);
      if (round > 0) seconds.push(process.cpuUsage(before).user / 1e6);
    }
  const median = (list: readonly number[]): number => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN;
  const [bert] = trainers;
  console.log('| family | GFLOP a step | of BERT | seconds a step | of BERT |\n|---|---|---|---|---|');
  for (const { name, flops, seconds } of trainers)
    console.log(
      `| ${name} | ${(flops / 1e9).toFixed(2)} | ${(flops / (bert?.flops ?? 1)).toFixed(3)} | ${median(seconds).toFixed(3)} | ${(median(seconds) / median(bert?.seconds ?? [])).toFixed(3)} |`,
    );
  for (const { trainer } of trainers) trainer.dispose();
}

await (values.speed ? speed() : quality());
engine.dispose();
