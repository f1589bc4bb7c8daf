import { useJudged, type JudgedState } from '../../state/judgedStore.ts';
import { useRun, type RunResult } from '../../state/runStore.ts';

type Measured = JudgedState['similarity'];

/** The attention similarity to show: that of the student which the run left, once it is over; before, as last measured. */
export function shownSimilarity(measured: Measured, result: RunResult | undefined): Measured {
  return result === undefined ? measured : { step: result.studentStep ?? result.stepsDone, value: result.similarity };
}

export function useShownSimilarity(): Measured {
  return shownSimilarity(
    useJudged((state) => state.similarity),
    useRun((state) => state.result),
  );
}
