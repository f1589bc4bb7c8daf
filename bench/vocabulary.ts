// `npm run vocabulary`: the demo's vocabulary cut by its own prose: megabytes, tokens a word, held-out numbers over the same
// words before and after, and trained students of both. Minutes; not part of `npm test`.
import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Evaluator } from '../src/analysis/evaluation.ts';
import { DEMO_TEACHER, DEMO_TEXT, filesOf } from '../src/cli/files.ts';
import { WasmEngine } from '../src/engines/wasm/wasmEngine.ts';
import type { BertModel } from '../src/models/model.ts';
import { countParameters } from '../src/models/model.ts';
import { compress } from '../src/studio/compression/compression.ts';
import type { Compressed } from '../src/studio/compression/run.ts';
import { defaultRecipe } from '../src/studio/recipe/recipe.ts';
import type { TextReport } from '../src/studio/api/text.ts';
import { cutTeacher, cutTensors, usesOf } from '../src/studio/teacher/cutTeacher.ts';
import { readTeacher, type Teacher } from '../src/studio/teacher/teacher.ts';
import { loadCorpus, type LoadedText } from '../src/studio/texts/textLoading.ts';
import type { TaskBatch } from '../src/tasks/task.ts';
import { packApart } from '../src/text/packedText.ts';
import { vocabularyPage, type Judged, type VocabularyResult, type VocabularySeed, type VocabularySide } from './vocabularyPage.ts';

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    words: { type: 'string', default: '2000' },
    steps: { type: 'string', default: '100' },
    seeds: { type: 'string', default: '3' },
  },
});
if (values.help) {
  console.log(`npm run vocabulary -- [options]
  --words N    tokens that stay (default: 2000)
  --steps N    training steps (default: 100)
  --seeds N    runs of each kind (default: 3)`);
  process.exit();
}

const BATCH = 16;
const SEQUENCE = 128;
/** Shorter stretches have too little around a masked token. */
const SHORTEST = 16;
const RESULTS = new URL('../docs/results/', import.meta.url);

const textOf = (teacher: Teacher): Promise<LoadedText> =>
  loadCorpus('prose', filesOf(DEMO_TEXT), teacher.tokenizer, { sequence: SEQUENCE, seed: 1 }, () => {}, new AbortController().signal);
const countsOf = ({ words = 0, tokens, unknownShare }: TextReport): { words: number; tokens: number; unknownShare: number } => ({
  words,
  tokens,
  unknownShare,
});

const whole = await readTeacher('demo', filesOf(DEMO_TEACHER));
const wholeText = await textOf(whole);
const cut = cutTeacher(
  whole,
  { uses: usesOf(wholeText.corpus, whole), text: countsOf(wholeText.report) },
  { vocabulary: Number(values.words), vocabularyText: false },
  'whole',
);
const cutText = await textOf(cut);

/** Ids of the words that stay: in the whole vocabulary by id in the cut one, and back. */
const byToken = new Map(Array.from({ length: whole.model.config.vocabSize }, (_, id) => [whole.tokenizer.token(id), id]));
const kept = Array.from({ length: cut.model.config.vocabSize }, (_, id) => byToken.get(cut.tokenizer.token(id)) ?? -1);
const numbers = new Map(kept.map((old, id) => [old, id]));

/** Held-out stretches of words that stay, in the ids of the cut vocabulary. */
function stretches(): Int32Array[] {
  const { pad, classify, separate } = whole.tokenizer.special;
  const found: Int32Array[] = [];
  let stretch: number[] = [];
  let word: number[] = [];
  const endWord = (): void => {
    if (word.every((id) => numbers.has(id))) stretch.push(...word);
    else endStretch();
    word = [];
  };
  const endStretch = (): void => {
    if (stretch.length >= SHORTEST) found.push(Int32Array.from(stretch, (id) => numbers.get(id) ?? -1));
    stretch = [];
  };
  for (const id of wholeText.corpus.heldOut) {
    const isMark = id === pad || id === classify || id === separate;
    if (!isMark && whole.tokenizer.isContinuation(id)) {
      word.push(id);
      continue;
    }
    endWord();
    if (isMark) endStretch();
    else word.push(id);
  }
  endWord();
  endStretch();
  return found;
}

const engine = await WasmEngine.create(availableParallelism());
const { task } = cut;
const size = { batch: BATCH, sequence: SEQUENCE };
const shape = { task, ...size, slots: task.slots(size) };
const inCut = task.heldOut({ ...packApart(stretches(), SEQUENCE, cut.tokenizer.special), tokenizer: cut.tokenizer }, BATCH, 1, 1000);
const asBefore = (ids: Int32Array): Int32Array => ids.map((id) => (id < 0 ? id : (kept[id] ?? -1)));
const inWhole = inCut.map((batch): TaskBatch => ({
  ...batch,
  inputIds: asBefore(batch.inputIds),
  inputs: new Map([...batch.inputs].map(([name, data]) => [name, name === 'labels' && data instanceof Int32Array ? asBefore(data) : data])),
}));

async function judge(model: BertModel, batches: readonly TaskBatch[]): Promise<Judged> {
  const evaluator = await Evaluator.create(engine, model, shape);
  try {
    const { loss, accuracy } = await evaluator.evaluate(batches);
    return { loss, accuracy };
  } finally {
    evaluator.dispose();
  }
}

const restricted = (model: BertModel): BertModel => ({
  config: { ...model.config, vocabSize: kept.length, padTokenId: cut.model.config.padTokenId },
  tensors: cutTensors(model, kept),
});

function train(teacher: Teacher, { corpus }: LoadedText, seed: number): Promise<Compressed> {
  const recipe = { ...defaultRecipe(teacher.report), steps: Number(values.steps), seed, documents: 'joined' as const };
  return compress(engine, teacher, corpus, recipe, { proceed: () => Promise.resolve(true) }, (event) => {
    if (event.kind === 'heldOut' && event.model === 'student')
      console.log(`${teacher.model.config.vocabSize} words, seed ${seed}, step ${event.step}: loss ${event.value.loss.toFixed(3)}`);
  });
}

const own = ({ result }: Compressed): Judged => ({ loss: result.trained.loss, accuracy: result.trained.accuracy });
const side = ({ model: { config } }: Teacher, { report }: LoadedText, student: BertModel): VocabularySide => ({
  words: config.vocabSize,
  teacherBytes: 4 * countParameters(config),
  studentBytes: 4 * countParameters(student.config),
  tokensAWord: report.tokens / Math.max(1, report.words ?? 0),
  unknownShare: report.unknownShare,
});
const teachers = {
  teacherWhole: await judge(whole.model, inWhole),
  teacherRestricted: await judge(restricted(whole.model), inCut),
  teacherCut: await judge(cut.model, inCut),
};
const seeds: VocabularySeed[] = [];
for (let seed = 1; seed <= Number(values.seeds); seed++) {
  const ofWhole = await train(whole, wholeText, seed);
  const ofCut = await train(cut, cutText, seed);
  seeds.push({
    seed,
    whole: await judge(ofWhole.model, inWhole),
    cutAfter: await judge(restricted(ofWhole.model), inCut),
    cutBefore: await judge(ofCut.model, inCut),
    ownWhole: own(ofWhole),
    ownCut: own(ofCut),
    secondsWhole: ofWhole.result.seconds,
    secondsCut: ofCut.result.seconds,
  });
  const result: VocabularyResult = {
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} threads, Node ${process.version}`,
    steps: Number(values.steps),
    whole: side(whole, wholeText, ofWhole.model),
    cut: side(cut, cutText, ofCut.model),
    used: cut.cut?.by?.used ?? 0,
    covered: cut.cut?.by?.covered ?? 0,
    answers: inCut.reduce((sum, { answers }) => sum + answers, 0),
    ...teachers,
    seeds,
  };
  // After every seed, so that a long measurement that is cut off leaves those that it has.
  writeFileSync(new URL('vocabulary.json', RESULTS), `${JSON.stringify(result, null, 2)}\n`);
  writeFileSync(new URL('vocabulary.md', RESULTS), vocabularyPage(result));
}
engine.dispose();
console.log(`Written to ${fileURLToPath(new URL('vocabulary.md', RESULTS))}`);
