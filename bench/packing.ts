// `npx tsx bench/packing.ts [FILE]`: short documents in sequences, joined to running text, apart from each other, and one a
// sequence. What the teacher predicts of the same masked tokens, and what a training step takes. The documents are the sentences of
// the demo's prose in random order, or the lines of FILE.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Evaluator } from '../src/analysis/evaluation.ts';
import { DEMO_TEACHER, DEMO_TEXT, filesOf } from '../src/cli/files.ts';
import { WasmEngine } from '../src/engines/wasm/wasmEngine.ts';
import { judgedShape, defaultRecipe } from '../src/studio/recipe/recipe.ts';
import { readTeacher } from '../src/studio/teacher/teacher.ts';
import { maskDocuments, questions, ROWS, widened, type Question } from '../src/studio/texts/documentsApart.ts';
import { maskedBatch, maskedWords } from '../src/tasks/maskedWords.ts';
import type { TaskBatch } from '../src/tasks/task.ts';
import { Random } from '../src/tensor/random.ts';
import { fixedBatches } from '../src/text/maskedBatch.ts';
import { oneARow, packApart, packJoined, type PackedText, type SpecialMarks } from '../src/text/packedText.ts';
import { PLAIN_MASKING } from '../src/tasks/plainMasking.ts';
import { Trainer } from '../src/training/trainer.ts';
import { weightTraining } from '../src/training/trainingGraph.ts';

/** Documents that the teacher is asked about: a standard error of about half a point. */
const ASKED = 2400;
const STEPS = 6;
const ROUNDS = 3;

const engine = await WasmEngine.create(1);
const teacher = await readTeacher('demo', filesOf(DEMO_TEACHER));
const { tokenizer, model, report } = teacher;
const { sequence, ...recipe } = defaultRecipe(report);

const [, , file] = process.argv;
const lines =
  file === undefined
    ? readdirSync(DEMO_TEXT)
        .filter((name) => name.endsWith('.txt'))
        .flatMap((name) => readFileSync(join(DEMO_TEXT, name), 'utf8').split('\n'))
        .flatMap((line) => line.split(/(?<=[.!?]"?) /))
    : readFileSync(file, 'utf8').split('\n');
const whole = lines.map((text) => Int32Array.from(tokenizer.encode(text))).filter((ids) => ids.length > 0);
const order = whole.map((_, i) => i);
new Random(1).shuffle(order);
const documents = order.map((i) => whole[i] ?? new Int32Array());
const tokens = documents.reduce((sum, { length }) => sum + length, 0);

type Pack = (list: readonly Int32Array[], length: number, marks: SpecialMarks) => PackedText;
const alone: Pack = (list, length, marks) => oneARow(packApart(list, length, marks), Number.POSITIVE_INFINITY, marks.pad);
const FORMS: Readonly<Record<string, Pack>> = { joined: packJoined, apart: packApart, alone };

console.log(`${documents.length} documents of ${(tokens / documents.length).toFixed(1)} tokens, sequences of ${sequence}`);
const masked = maskDocuments(documents.slice(0, ASKED), tokenizer, 1);
for (const [name, pack] of Object.entries(FORMS)) {
  const asked: Question[] = questions(pack, masked, sequence, tokenizer);
  const slots = Math.max(...asked.map(({ numbers }) => numbers.length));
  const evaluator = await Evaluator.create(engine, model, { task: maskedWords, batch: ROWS, sequence, slots });
  const { loss, accuracy } = await evaluator.evaluate(asked.map(({ batch }) => maskedBatch(widened(batch, slots))));
  evaluator.dispose();
  console.log(`${name}: of ${masked.labels.size} masked tokens ${(100 * accuracy).toFixed(2)} % right, loss ${loss.toFixed(4)}`);
}

// One program: what differs is which keys a query sees, and how many tokens of the text a sequence holds.
const shape = judgedShape(maskedWords, { ...recipe, sequence });
const texts = { joined: packJoined(documents, sequence, tokenizer.special), apart: packApart(documents, sequence, tokenizer.special) };
const batches = (text: PackedText): TaskBatch[] => fixedBatches(text, shape.batch, tokenizer, 1, STEPS, PLAIN_MASKING).map(maskedBatch);
const trainer = await Trainer.create(engine, weightTraining(model.config, shape, recipe.weightDecay), shape, model.tensors);
const seconds = { joined: Infinity, apart: Infinity };
for (let round = 0; round <= ROUNDS; round++)
  for (const form of ['joined', 'apart'] as const) {
    const before = process.cpuUsage();
    for (const batch of batches(texts[form])) await trainer.step([batch], 1e-5);
    const { user, system } = process.cpuUsage(before);
    // The first round is warming up; of the others the least disturbed counts.
    if (round > 0) seconds[form] = Math.min(seconds[form], (user + system) / 1e6 / STEPS);
  }
trainer.dispose();
engine.dispose();
const perToken = (form: 'joined' | 'apart'): number => (seconds[form] * texts[form].sequences.length) / tokens;
console.log(
  `a step of ${shape.batch} sequences: joined ${seconds.joined.toFixed(3)} s, apart ${seconds.apart.toFixed(3)} s of a processor; sequences for the text: ${texts.joined.sequences.length / sequence} and ${texts.apart.sequences.length / sequence}`,
);
console.log(`time a token of the text, apart over joined: ${(perToken('apart') / perToken('joined')).toFixed(3)}`);
