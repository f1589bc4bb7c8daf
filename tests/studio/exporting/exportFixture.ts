import { readFileSync } from 'node:fs';
import type { BertConfig } from '../../../src/models/config.ts';
import { parameterShapes, type BertModel } from '../../../src/models/model.ts';
import { embeddingNames, headNames } from '../../golden/names.ts';
import { defaultRecipe } from '../../../src/studio/recipe/recipe.ts';
import type { FinishedRun } from '../../../src/studio/exporting/finishedRun.ts';
import { readTeacher, type Teacher } from '../../../src/studio/teacher/teacher.ts';
import { Random } from '../../../src/tensor/random.ts';
import { createTokenizer } from '../../../src/text/tokenizer.ts';

const FOLDER = new URL('../../golden/checkpoints/safetensors/', import.meta.url);

const teacher = await readTeacher(
  'golden',
  ['config.json', 'model.safetensors', 'vocab.txt'].map((path) => ({ path, bytes: new Uint8Array(readFileSync(new URL(path, FOLDER))) })),
);

/** The golden checkpoint as a user would give it: config, weights and `vocab.txt`. */
export function givenTeacher(): Teacher {
  return teacher;
}

/** The golden teacher with some settings changed; an untied decoder differs from the table. */
export function variant(change: Partial<BertConfig>): BertModel {
  const { model } = givenTeacher();
  const config = { ...model.config, ...change };
  const tensors = new Map(model.tensors);
  const table = tensors.get(embeddingNames.word);
  if (!config.tieWordEmbeddings && table !== undefined) {
    const random = new Random(5);
    tensors.set(headNames.decoder, { shape: table.shape, data: table.data.map((x) => x + 0.1 * random.normal()) });
  }
  const shapes = parameterShapes(config);
  return { config, tensors: new Map([...tensors].filter(([name]) => shapes.has(name))) };
}

/** A run that ended with this student; its held-out numbers are not looked at. */
export function finishedWith(student: BertModel): FinishedRun {
  const teacher = givenTeacher();
  const nothing = { loss: 0, accuracy: 0, agreement: 0 };
  const result = {
    teacher: nothing,
    untrained: nothing,
    trained: nothing,
    similarity: { layers: [], origins: [], mean: 0, cosine: 0, chance: 0 },
    stepsDone: 0,
    stopped: false,
    fault: null,
    seconds: 0,
  };
  return { model: student, compactors: new Map(), recipe: defaultRecipe(teacher.report), result };
}

/** The golden teacher with a vocabulary of whole words, some with punctuation inside. */
export function teacherOfWords(): Teacher {
  const words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'The', 'old', 'man', 'sea.', 'C(=O)O', 'the', 'nothing.'];
  const filled = Array.from({ length: teacher.model.config.vocabSize }, (_, id) => words[id] ?? `word-${id}`);
  const vocabulary = `${filled.join('\n')}\n`;
  return {
    ...teacher,
    tokenizer: createTokenizer({ vocabulary }),
    tokenizerFiles: new Map([['vocab.txt', new TextEncoder().encode(vocabulary)]]),
  };
}
