import { StudioError } from '../../tensor/studioError.ts';
import { compress } from '../compression.ts';
import type { RunState } from '../runs/runState.ts';
import type { Recipe, RunResult, StudioApi, StudioListener } from '../studioApi.ts';
import { needHead } from '../teacher.ts';
import { Gate } from './gate.ts';
import { attempt, type SessionState } from './sessionState.ts';

/** Training: start, go on, pause, step, stop. */
export function runVerbs(state: SessionState): Pick<StudioApi, 'start' | 'resumeRun' | 'pause' | 'step' | 'resume' | 'stop'> {
  return {
    start: (recipe, listen) => train(state, recipe, `run-${Date.now().toString(36)}`, listen),
    async resumeRun(run, listen) {
      const checkpoint = await state.store?.load(run);
      if (checkpoint === undefined) throw new StudioError('checkpoint', `session: ${run} has no whole checkpoint. Start the run again.`);
      for (const kind of ['teacher', 'text'] as const)
        if (checkpoint.fingerprints[kind] !== state.fingerprints[kind])
          throw new StudioError('checkpoint', `session: ${run} was trained with another ${kind}. Load the same ${kind} and try again.`, {
            run,
            kind,
          });
      return train(state, checkpoint.state.recipe, run, listen, checkpoint.state);
    },
    pause: () => attempt(() => state.gate?.pause()),
    step: () => attempt(() => state.gate?.step()),
    resume: () => attempt(() => state.gate?.resume()),
    stop: () => attempt(() => state.gate?.stop()),
  };
}

async function train(state: SessionState, recipe: Recipe, run: string, listen: StudioListener, from?: RunState): Promise<RunResult> {
  state.needNoRun('starting another');
  const teacher = state.needTeacher();
  needHead(teacher);
  const corpus = state.needCorpus();
  if (corpus.sequence !== recipe.sequence)
    throw new StudioError(
      'order',
      `session: the text is packed to ${corpus.sequence} tokens, the recipe asks for ${recipe.sequence}. Load the text again.`,
    );
  const { store } = state;
  const marks = { ...state.fingerprints };
  let writing: Promise<void> = Promise.resolve();
  const keep =
    store === undefined
      ? undefined
      : (kept: RunState): Promise<void> => {
          writing = store.save(run, { state: kept, fingerprints: marks, savedAt: Date.now() }).then(
            () => listen({ kind: 'kept', step: kept.done }),
            (error: unknown) =>
              listen({ kind: 'notKept', step: kept.done, reason: error instanceof Error ? error.message : String(error) }),
          );
          return Promise.resolve();
        };
  const gate = new Gate(keep);
  state.gate = gate;
  try {
    const { student, compactors, result } = await compress(await state.needEngine(), teacher, corpus, recipe, gate, listen, from);
    state.finished = { student, compactors, result, recipe };
    await writing;
    if (!result.stopped) await store?.remove(run);
    return result;
  } finally {
    state.gate = undefined;
  }
}
