import { readScoredPairs } from '../../text/readers/scoredPairs.ts';
import { readSentences } from '../../text/readers/sentences.ts';
import { TextError, type ReadNotes } from '../../text/textFile.ts';
import { StudioError } from '../../tensor/studioError.ts';
import { embed, readSentenceEncoder } from '../comparison/sentenceEncoder.ts';
import { judgePairs } from '../comparison/sentencePairs.ts';
import type { StudioApi } from '../studioApi.ts';
import { textFilesOf } from '../texts/textFiles.ts';
import type { SessionState } from './sessionState.ts';
import { heardBy } from './watchedEngine.ts';

/** Vectors of sentences, and what they are worth. */
export function sentenceVerbs(state: SessionState): Pick<StudioApi, 'embed' | 'judgePairs'> {
  return {
    async embed(given, texts, wish, listen = () => undefined) {
      const encoder = await readSentenceEncoder('teacher', given, wish);
      const notices: string[] = [];
      const sentences: string[] = [];
      for (const file of await textFilesOf(texts))
        for await (const sentence of readSentences(file, wish, notesInto(notices))) sentences.push(sentence);
      if (sentences.length === 0) throw new StudioError('text', 'text: expected sentences, got none. Give a text that holds some.');
      return state.onEngine(async (engine) => {
        const { vectors, report } = await embed(heardBy(listen, engine), encoder, sentences, wish, listen);
        return { encoder: report, sentences, notices, vectors: new Uint8Array(vectors.data.buffer) };
      });
    },
    async judgePairs(table, columns, teacher, student, wish, listen = () => undefined) {
      const notices: string[] = [];
      const [file, ...more] = await textFilesOf([table]);
      if (file === undefined || more.length > 0)
        throw new TextError(table.path, `expected one table of pairs, got ${more.length === 0 ? 'none' : more.length + 1}. Give one file.`);
      const read = await readScoredPairs(file, columns, notesInto(notices));
      const theirs = await readSentenceEncoder('teacher', teacher, wish);
      const ours = student === undefined ? undefined : await readSentenceEncoder('student', student, wish, theirs);
      return state.onEngine(async (engine) => ({
        pairs: read.pairs.length,
        columns: read.columns,
        notices,
        ...(await judgePairs(heardBy(listen, engine), read.pairs, theirs, ours, wish, listen)),
      }));
    },
  };
}

function notesInto(notices: string[]): ReadNotes {
  return { columns: () => undefined, notice: (sentence) => notices.push(sentence) };
}
