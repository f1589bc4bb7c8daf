import { StudioError } from '../../tensor/studioError.ts';
import { attentionOf } from '../comparison/attentionOf.ts';
import { readStudent } from '../comparison/givenStudent.ts';
import { evaluateCheckpoints } from '../comparison/evaluateCheckpoints.ts';
import { defaultRecipe, recipeLayers } from '../recipe/recipe.ts';
import { compareSentences } from '../comparison/similarities.ts';
import { compareAttention, compareFill } from '../comparison/sentenceCompare.ts';
import { fingerprintOfTeacher } from '../runs/fingerprint.ts';
import type { StudioApi } from '../studioApi.ts';
import type { FinishedWith, SessionState } from './sessionState.ts';
import { finishedTeacher, teacherWithHead } from './teacherWithHead.ts';
import { changeTeacher } from './vocabularyCut.ts';
import { heardBy } from './watchedEngine.ts';

/** Teacher and student side by side. */
export function judgeVerbs(
  state: SessionState,
): Pick<StudioApi, 'checkStudent' | 'evaluate' | 'attentionOf' | 'attention' | 'fillMask' | 'similarities'> {
  const needFinished = (): FinishedWith => {
    if (state.gate !== undefined || state.finished === undefined)
      throw new StudioError('order', 'session: comparing needs a finished run. Wait for it to end, or stop it.');
    return state.finished;
  };
  return {
    async checkStudent(student) {
      const { cut } = state.needTeacher();
      const read = await readStudent(state.needTeacher(), student, cut === undefined ? state.fingerprints.teacher : undefined);
      if (read.cut !== undefined) {
        state.needNoRun('cutting the vocabulary to that of a student');
        changeTeacher(state, { teacher: read.cut, fingerprint: await fingerprintOfTeacher(read.cut) });
      }
      return read.student.report;
    },
    async evaluate(student, batch, seed, listen) {
      const teacher = state.needTeacher();
      const corpus = state.needCorpus();
      const recipe = { ...defaultRecipe(teacher.report), batch, seed, sequence: corpus.sequence };
      return state.onEngine(async (engine) => {
        const heard = heardBy(listen, engine);
        return evaluateCheckpoints(heard, await teacherWithHead(state, heard), corpus, recipe, student);
      });
    },
    async attentionOf(student, seed, sentence, listen) {
      const teacher = state.needTeacher();
      return attentionOf(heardBy(listen, await state.needEngine()), teacher, state.needCorpus(), student, seed, sentence);
    },
    async attention(sentence, layer, head, listen) {
      const { model: student, result, recipe, teacher } = needFinished();
      const origin = {
        layer: recipeLayers(teacher.model.config, recipe)[layer] ?? layer,
        head: result.similarity.origins[layer]?.[head] ?? head,
      };
      return state.onEngine((engine) => compareAttention(heardBy(listen, engine), teacher, student, sentence, layer, head, origin));
    },
    async similarities(text, listen = () => undefined) {
      const { model: student } = needFinished();
      const teacher = state.needTeacher();
      return state.onEngine((engine) => compareSentences(heardBy(listen, engine), teacher, student, text, listen));
    },
    async fillMask(sentence, listen) {
      const finished = needFinished();
      return state.onEngine(async (engine) => {
        const heard = heardBy(listen, engine);
        return compareFill(heard, await finishedTeacher(state, finished, heard), finished.model, sentence);
      });
    },
  };
}
