import { sentenceVectors } from '../../analysis/sentenceVectors.ts';
import type { Engine } from '../../engines/engine.ts';
import { unit, type SentenceVectors } from '../../tasks/sentenceScores.ts';
import { StudioError } from '../../tensor/studioError.ts';
import { splitOf, type Corpus } from '../../text/corpus.ts';
import type { StudioListener } from '../api/run.ts';
import { calibrationStages } from '../workStages.ts';
import type { Teacher } from './teacher.ts';

/** Fewer sentences on one side have no neighbours, and no similarities. */
const FEWEST = 2;

/**
 * A teacher for sentence vectors, with its vectors of every sentence of the text.
 * @throws StudioError if there are too few of them; StoppedError
 */
export async function taughtTeacher(
  engine: Engine,
  teacher: Teacher,
  corpus: Corpus,
  control: { proceed(): Promise<boolean> },
  listen: StudioListener,
): Promise<Teacher> {
  const { sentences } = teacher;
  if (sentences === undefined) return teacher;
  const progress = calibrationStages(control, listen)("Computing the teacher's vectors");
  const documents = { train: sentencesOf(corpus, 'train'), heldOut: sentencesOf(corpus, 'heldOut') };
  const total = documents.train.length + documents.heldOut.length;
  const of = async (split: 'train' | 'heldOut', before: number): Promise<SentenceVectors> =>
    unit(
      await sentenceVectors(engine, teacher.model, sentences.modules.pooling, documents[split], (done) => progress(before + done, total)),
    );
  const vectors = { train: await of('train', 0), heldOut: await of('heldOut', documents.train.length) };
  return { ...teacher, sentences: { ...sentences, vectors } };
}

/** Token ids of every sentence of a split, with the special ones. */
function sentencesOf(corpus: Corpus, split: 'train' | 'heldOut'): Int32Array[] {
  const { sequences, documents = new Int32Array() } = splitOf(corpus, split);
  const count = documents.length / 2;
  if (count < FEWEST)
    throw new StudioError(
      'text',
      `text: expected at least ${FEWEST} different sentences ${split === 'train' ? 'to learn from' : 'that are held out'}, got ${count}. Give a text with more lines: each is a sentence.`,
    );
  return Array.from({ length: count }, (_, i) => sequences.subarray(documents[2 * i], documents[2 * i + 1]));
}
