import type { RunStore } from './runs/runStore.ts';
import { engineVerbs } from './session/engineVerbs.ts';
import { exportVerbs } from './session/exportVerbs.ts';
import { gpuTestVerbs } from './session/gpuTestVerbs.ts';
import { historyVerbs } from './session/historyVerbs.ts';
import { inputVerbs } from './session/inputVerbs.ts';
import { jobVerbs } from './session/jobVerbs.ts';
import { judgeVerbs } from './session/judgeVerbs.ts';
import { openVerb } from './session/openVerb.ts';
import { recallVerbs } from './session/recallVerbs.ts';
import { recipeVerbs } from './session/recipeVerbs.ts';
import { runVerbs } from './session/runVerbs.ts';
import { sentenceVerbs } from './session/sentenceVerbs.ts';
import { teacherVerbs } from './session/teacherVerbs.ts';
import { SessionState, type Surroundings } from './session/sessionState.ts';
import type { StudioApi } from './studioApi.ts';

/** One user's work: a teacher, a text, an engine, and at most one run at a time. One file a group of verbs. */
export function createSession(store?: RunStore, surroundings: Partial<Surroundings> = {}): StudioApi {
  const state = new SessionState(store, surroundings);
  const reading = { ...teacherVerbs(state), ...inputVerbs(state) };
  const history = historyVerbs(state);
  return {
    ...engineVerbs(state),
    ...reading,
    ...openVerb(state, { ...reading, ...history }),
    ...recipeVerbs(state),
    ...runVerbs(state),
    ...judgeVerbs(state),
    ...sentenceVerbs(state),
    ...exportVerbs(state),
    ...jobVerbs(state),
    ...history,
    ...gpuTestVerbs(state),
    ...recallVerbs(state),
  };
}
