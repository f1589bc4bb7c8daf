import { encoderShapes, parameterShapes, type BertModel } from '../../models/model.ts';
import { isLinear, POOLERS, type LinearPooler } from '../../models/sentencePooling.ts';
import { NO_HEAD } from '../../models/tensorMap.ts';
import { TASKS, taskNamed } from '../../tasks/registry.ts';
import { maskedWords } from '../../tasks/maskedWords.ts';
import { sentenceEmbedding } from '../../tasks/sentenceEmbedding.ts';
import type { SentenceVectors } from '../../tasks/sentenceScores.ts';
import type { TaskText } from '../../tasks/task.ts';
import { sizeOf } from '../../tensor/shape.ts';
import { StudioError } from '../../tensor/studioError.ts';
import { splitOf, type Splits } from '../../text/corpus.ts';
import type { GivenFile } from '../api/files.ts';
import type { TeacherWish } from '../api/teacher.ts';
import { modulesGiven, plainModules, poolingInWords, promptOf, type SentenceModules } from './sentenceModules.ts';
import { sentenceTokenizer } from './sentenceTokens.ts';
import { readTeacher, type Teacher, type TeacherReading } from './teacher.ts';

/** How a teacher makes vectors of sentences, and what it made of a text. */
export interface TeacherSentences {
  readonly modules: SentenceModules;
  /** Set before every sentence; may be empty. */
  readonly prompt: string;
  /** Of the documents of the loaded text, of length 1; computed when a run begins. */
  readonly vectors?: { readonly train: SentenceVectors; readonly heldOut: SentenceVectors };
}

/**
 * Reads a teacher for the task that its folder or the user says.
 * @throws StudioError as `readTeacher`, and for a pooling that no student learns
 */
export async function readTaskTeacher(
  name: string,
  files: readonly GivenFile[],
  wish: TeacherWish,
  reading?: TeacherReading,
): Promise<Teacher> {
  const teacher = await readTeacher(name, files, reading);
  const subject = `teacher ${teacher.name}`;
  const asked = wish.task === undefined ? undefined : taskNamed('teacher', wish.task, TASKS);
  if (asked === maskedWords) return teacher;
  const modules = await modulesGiven(subject, files, teacher.model.config, wish);
  if (modules === undefined && asked === undefined && wish.pooler === undefined) return teacher;
  return sentenceTeacher(teacher, modules ?? plainModules(teacher.model.config, wish.pooler ?? 'mean'), wish.prompt);
}

/** A teacher that is compressed for its vectors of sentences: without a head for masked words. @param wanted name of the prompt */
export function sentenceTeacher(teacher: Teacher, modules: SentenceModules, wanted?: string): Teacher {
  const prompt = promptOf(`teacher ${teacher.name}`, modules, wanted);
  const { pooling } = modules;
  const { poolers } = pooling;
  if (!poolers.every(isLinear))
    throw new StudioError(
      'checkpoint',
      `teacher ${teacher.name}: pooling — expected some of ${POOLERS.filter(isLinear).join(', ')}, got ${poolers.join(' and ')}. A maximum over tokens is not learned: save the encoder with another pooling.`,
    );
  const config = {
    ...teacher.model.config,
    tieWordEmbeddings: true,
    sentence: { poolers, normalised: pooling.layers.at(-1) === 'normalize' },
  };
  const names = encoderShapes(config);
  const model: BertModel = { config, tensors: new Map([...teacher.model.tensors].filter(([name]) => names.has(name))) };
  let parameters = 0;
  for (const shape of parameterShapes(config).values()) parameters += sizeOf(shape);
  const { report } = teacher;
  return {
    ...teacher,
    model,
    head: 'none',
    task: sentenceEmbedding,
    tokenizer: sentenceTokenizer(teacher.tokenizer, modules, prompt),
    sentences: { modules, prompt },
    report: {
      ...report,
      task: sentenceEmbedding.name,
      words: sentenceEmbedding.words,
      head: 'none',
      tiedDecoder: true,
      parameters,
      bytes: 4 * parameters,
      notes: [
        ...report.notes.filter((note) => note !== NO_HEAD),
        `Its vectors of sentences are learned (${poolingInWords(pooling)}).`,
        ...(prompt === '' ? [] : [`${JSON.stringify(prompt)} is set before every sentence.`]),
      ],
    },
  };
}

/** One split of a text for a teacher's task. */
export function taskText(
  { tokenizer, sentences, model }: Pick<Teacher, 'tokenizer' | 'sentences' | 'model'>,
  corpus: Splits,
  split: 'train' | 'heldOut',
): TaskText {
  const text = { ...splitOf(corpus, split), tokenizer };
  const vectors = sentences?.vectors?.[split];
  const poolers = model.config.sentence?.poolers.filter((pooler): pooler is LinearPooler => isLinear(pooler));
  return vectors === undefined || poolers === undefined ? text : { ...text, taught: { poolers, vectors } };
}
