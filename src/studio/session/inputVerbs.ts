import { buildCorpus, readText } from '../../text/corpus.ts';
import { fingerprintOf } from '../runs/checkpointFile.ts';
import type { StudioApi } from '../studioApi.ts';
import { readTeacher } from '../teacher.ts';
import type { SessionState } from './sessionState.ts';

/** Teacher and text. */
export function inputVerbs(state: SessionState): Pick<StudioApi, 'loadTeacher' | 'loadText'> {
  return {
    async loadTeacher(name, files) {
      const read = readTeacher(name, files);
      state.fingerprints.teacher = await fingerprintOf(files);
      state.teacher = read;
      state.corpus = undefined;
      state.finished = undefined;
      return read.report;
    },
    async loadText(name, files, sequence, seed) {
      const documents = files.map((file) => readText(file.path, file.bytes));
      const built = buildCorpus(documents, state.needTeacher().tokenizer, sequence, seed);
      state.fingerprints.text = `${await fingerprintOf(files)} ${sequence} ${seed}`;
      state.corpus = built;
      return {
        name,
        documents: built.documents,
        tokens: built.tokens,
        trainSequences: built.train.length / sequence,
        heldOutSequences: built.heldOut.length / sequence,
        sequence,
        unknownShare: built.unknownShare,
      };
    },
  };
}
