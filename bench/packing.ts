// `npx tsx bench/packing.ts`: short documents packed together, as the studio does it, against one document a sequence. Two
// students of the demo teacher at quarter width, 100 steps each; the documents are the sentences of the demo's prose.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Evaluator } from '../src/analysis/evaluation.ts';
import type { BertModel } from '../src/models/model.ts';
import { DEMO_TEACHER, DEMO_TEXT, filesOf } from '../src/cli/files.ts';
import { WasmEngine } from '../src/engines/wasm/wasmEngine.ts';
import { compress } from '../src/studio/compression/compression.ts';
import { defaultRecipe } from '../src/studio/recipe/recipe.ts';
import { readTeacher } from '../src/studio/teacher/teacher.ts';
import { Random } from '../src/tensor/random.ts';
import type { Corpus } from '../src/text/corpus.ts';
import { maskedWords } from '../src/tasks/maskedWords.ts';

const SEQUENCE = 128;
const ROOM = SEQUENCE - 2;
const MASKINGS = 4;
const AT_ONCE = 8;

type Documents = readonly (readonly number[])[];

const engine = await WasmEngine.create(1);
const teacher = await readTeacher('demo', filesOf(DEMO_TEACHER));
const { tokenizer, model, report } = teacher;
const { classify, separate, pad } = tokenizer.special;

const sentences = readdirSync(DEMO_TEXT)
  .filter((name) => name.endsWith('.txt'))
  .flatMap((name) => readFileSync(join(DEMO_TEXT, name), 'utf8').split('\n'))
  .flatMap((line) => line.split(/(?<=[.!?]"?) /))
  .filter((text) => text.trim() !== '');
const whole = sentences.map((text) => tokenizer.encode(text)).filter((ids) => ids.length > 3);
const order = whole.map((_, i) => i);
new Random(1).shuffle(order);
const documents: Documents = order.map((i) => whole[i] ?? []);
const held = documents.slice(0, Math.floor(documents.length / 10));
const trained = documents.slice(held.length);

/** [CLS] up to 126 tokens [SEP], padded. */
function rows(ids: readonly number[]): number[] {
  const packed: number[] = [];
  for (let from = 0; from < ids.length; from += ROOM) {
    const taken = ids.slice(from, from + ROOM);
    packed.push(classify, ...taken, separate, ...Array.from({ length: ROOM - taken.length }, () => pad));
  }
  return packed;
}

const FORMS: Readonly<Record<string, (list: Documents) => Int32Array>> = {
  together: (list) => Int32Array.from(rows(list.flatMap((ids) => [...ids]))),
  apart: (list) => Int32Array.from(list.flatMap(rows)),
};

async function judge(judged: BertModel, heldOut: Int32Array): Promise<string> {
  const slots = maskedWords.slots({ batch: AT_ONCE, sequence: SEQUENCE });
  const evaluator = await Evaluator.create(engine, judged, { task: maskedWords, batch: AT_ONCE, sequence: SEQUENCE, slots });
  const losses: number[] = [];
  for (let masking = 0; masking < MASKINGS; masking++) {
    const text = { sequences: heldOut, sequence: SEQUENCE, tokenizer };
    const batches = maskedWords.heldOut(text, AT_ONCE, 1000 + masking, Number.POSITIVE_INFINITY);
    losses.push((await evaluator.evaluate(batches)).loss);
  }
  evaluator.dispose();
  const mean = losses.reduce((sum, loss) => sum + loss, 0) / MASKINGS;
  const variance = losses.reduce((sum, loss) => sum + (loss - mean) ** 2, 0) / (MASKINGS - 1);
  return `${mean.toFixed(3)} ± ${Math.sqrt(variance / MASKINGS).toFixed(3)}`;
}

const tokens = documents.reduce((sum, ids) => sum + ids.length, 0);
console.log(`${documents.length} documents of ${(tokens / documents.length).toFixed(1)} tokens; held-out loss on four maskings`);
const recipe = {
  ...defaultRecipe(report),
  student: { layers: 4, heads: 4, headSize: 16, hiddenSize: 64, intermediateSize: 256 },
  steps: 100,
  evaluateEvery: 100,
  // The paper's loss alone.
  guidance: 0,
};
for (const [form, pack] of Object.entries(FORMS)) {
  console.log(`teacher, judged ${form}: ${await judge(model, pack(held))}`);
  const corpus: Corpus = {
    sequence: SEQUENCE,
    seed: 1,
    train: pack(trained),
    heldOut: pack(held),
    documents: documents.length,
    tokens,
    unknownShare: 0,
    lengths: [],
    cut: false,
  };
  const run = await compress(engine, teacher, corpus, recipe, { proceed: () => Promise.resolve(true) }, () => {});
  for (const [other, packOther] of Object.entries(FORMS))
    console.log(`student trained ${form}, judged ${other}: ${await judge(run.model, packOther(held))}`);
}
engine.dispose();
