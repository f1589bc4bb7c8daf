// `npx tsx bench/families.ts [FAMILY...]`: what half a model of each family keeps, and what a step of its training costs beside BERT's.
//
// The teachers are small and random, and are trained on the demo's prose for 300 steps first. Their students are half as wide and are
// trained for 100 steps: the default, pruning and training from scratch on equal data. A step is timed in CPU time on one thread, in
// turn with that of a BERT of the same shape.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEMO_TEACHER, DEMO_TEXT, filesOf } from '../src/cli/files.ts';
import { WasmEngine } from '../src/engines/wasm/wasmEngine.ts';
import { writeSafetensors } from '../src/formats/safetensors.ts';
import { configToJson, parseConfig, type ModelConfig } from '../src/models/config.ts';
import { familyIds, familyOf } from '../src/models/families/registry.ts';
import { freshModel } from '../src/models/freshModel.ts';
import type { BertModel } from '../src/models/model.ts';
import { compress } from '../src/studio/compression/compression.ts';
import { presetShape } from '../src/studio/recipe/presets.ts';
import { defaultRecipe } from '../src/studio/recipe/recipe.ts';
import { readTeacher, type Teacher } from '../src/studio/teacher/teacher.ts';
import type { Recipe } from '../src/studio/api/recipe.ts';
import { maskedWords } from '../src/tasks/maskedWords.ts';
import { buildCorpus } from '../src/text/corpus.ts';
import { Trainer } from '../src/training/trainer.ts';
import { weightTraining } from '../src/training/trainingGraph.ts';

const SEQUENCE = 32;
const BATCH = 16;
const TEXTS = ['a1.txt', 'a2.txt', 'a3.txt', 'a4.txt'];
const ROUNDS = 40;

const engine = await WasmEngine.create(1);
const demo = filesOf(DEMO_TEACHER);
const tokenizerFiles = demo.filter(({ path }) => /tokenizer|vocab|special/.test(path));
const { tokenizer } = await readTeacher('demo', demo);
const corpus = await buildCorpus(
  TEXTS.flatMap((name) => {
    try {
      return [{ name, text: readFileSync(join(DEMO_TEXT, name), 'utf8') }];
    } catch {
      return [];
    }
  }),
  tokenizer,
  { sequence: SEQUENCE, seed: 1 },
);

/** A model of 3 layers of 96, 4 heads, FFN 192, of any family: a BERT's settings in its own words. */
function configOf(family: string): ModelConfig {
  const usual = parseConfig({
    vocab_size: tokenizer.vocabularySize,
    hidden_size: 96,
    num_hidden_layers: 3,
    num_attention_heads: 4,
    intermediate_size: 192,
    max_position_embeddings: 64,
  });
  const segments = familyOf(family).absent.includes('segments') ? 0 : usual.typeVocabSize;
  // Through its own configuration, which knows what the family fixes.
  return parseConfig(configToJson({ ...usual, ...(family === 'bert' ? {} : { family }), typeVocabSize: segments }));
}

async function teacherOf({ config, tensors }: BertModel): Promise<Teacher> {
  return readTeacher('random', [
    { path: 'config.json', bytes: new TextEncoder().encode(JSON.stringify(configToJson(config))) },
    { path: 'model.safetensors', bytes: writeSafetensors(tensors, {}) },
    ...tokenizerFiles,
  ]);
}

async function run(teacher: Teacher, change: Partial<Recipe>): ReturnType<typeof compress> {
  const recipe = { ...defaultRecipe(teacher.report), batch: BATCH, sequence: SEQUENCE, evaluateEvery: 1000, ...change };
  return compress(engine, teacher, corpus, recipe, { proceed: () => Promise.resolve(true) }, () => {});
}

async function trainerOf(config: ModelConfig): Promise<Trainer> {
  const shape = { task: maskedWords, batch: BATCH, sequence: SEQUENCE, slots: maskedWords.slots({ batch: BATCH, sequence: SEQUENCE }) };
  return Trainer.create(engine, weightTraining(config, shape, 0.01), shape, freshModel(config, 1).tensors);
}

/** CPU milliseconds of a step of each, in turn. */
async function times(family: string): Promise<{ readonly own: number; readonly bert: number }> {
  const text = { sequences: corpus.train, sequence: SEQUENCE, tokenizer };
  const [batch] = maskedWords.heldOut(text, BATCH, 1, 1);
  if (batch === undefined) throw new Error('bench: no batch');
  const trainers = [await trainerOf(configOf(family)), await trainerOf(configOf('bert'))];
  const measured: number[][] = [[], []];
  for (let round = 0; round < ROUNDS; round++)
    for (const [i, trainer] of trainers.entries()) {
      const before = process.cpuUsage();
      await trainer.step([batch], 1e-4);
      const { user, system } = process.cpuUsage(before);
      measured[i]?.push((user + system) / 1000);
    }
  for (const trainer of trainers) trainer.dispose();
  // The first rounds compile; of the others the middle one.
  const [own = 0, bert = 0] = measured.map((list) => list.slice(5).toSorted((a, b) => a - b)[Math.floor((ROUNDS - 5) / 2)] ?? 0);
  return { own, bert };
}

const named = process.argv.slice(2);
console.log(
  '| family | teacher | default, start | default | pruning | scratch | CPU ms a step | times BERT |\n|---|---|---|---|---|---|---|---|',
);
for (const family of named.length > 0 ? named : familyIds()) {
  const fresh = await teacherOf(freshModel(configOf(family), 7));
  const whole = fresh.report.shape;
  const { model } = await run(fresh, { mode: 'scratch', student: whole, steps: 300 });
  const teacher = await teacherOf(model);
  const student = presetShape(whole, 'half');
  const losses: number[] = [];
  let start = 0;
  let own = 0;
  for (const mode of [defaultRecipe(teacher.report).mode, 'prune', 'scratch'] as const) {
    const { result } = await run(teacher, { mode, student, steps: 100 });
    if (losses.length === 0) [start, own] = [result.untrained.loss, result.teacher.loss];
    losses.push(result.trained.loss);
  }
  const cost = await times(family);
  const numbers = [own, start, ...losses].map((loss) => loss.toFixed(3));
  console.log(`| ${familyOf(family).label} | ${numbers.join(' | ')} | ${cost.own.toFixed(1)} | ${(cost.own / cost.bert).toFixed(2)} |`);
}
engine.dispose();
