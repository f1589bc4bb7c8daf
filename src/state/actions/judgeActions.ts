import type { AttentionComparison, FillComparison, SentenceComparison } from '../../studio/api/comparison.ts';
import type { StudioListener } from '../../studio/api/run.ts';
import type { RunSummary } from '../historyStore.ts';
import { useRun } from '../runStore.ts';
import type { Desk } from './desk.ts';

export type { FillComparison, SentenceComparison };

/** One head's attention in two models, and what they are called. `teacher` may be another run's student. */
export interface SeenHead extends AttentionComparison {
  readonly names: { readonly teacher: string; readonly student: string; readonly difference: string };
}

export interface JudgeActions {
  /** @returns undefined if it failed; the fault is in the run store */
  attention(sentence: string, layer: number, head: number): Promise<SeenHead | undefined>;
  /** The student at hand beside that of another kept run. @returns undefined if it failed, or has no such head */
  attentionOfRuns(ours: RunSummary, other: RunSummary, sentence: string, layer: number, head: number): Promise<SeenHead | undefined>;
  /** @returns undefined if it failed; the fault is in the run store */
  fillMask(sentence: string): Promise<FillComparison | undefined>;
  /** @param sentences one a line   @returns undefined if it failed; the fault is in the run store */
  similarities(sentences: string): Promise<SentenceComparison | undefined>;
}

export function judgeActions(desk: Desk): JudgeActions {
  const listen: StudioListener = (event) => {
    // An event may arrive after the answer.
    if (event.kind === 'progress' && useRun.getState().asking)
      useRun.setState({ askingStage: event.done < event.total ? `${event.stage}, ${event.done} of ${event.total}` : undefined });
  };
  const ask = async <T>(question: () => Promise<T>): Promise<T | undefined> => {
    useRun.setState({ asking: true });
    const answer = await desk.asked(() => desk.exclusive(question));
    useRun.setState({ asking: false, askingStage: undefined });
    return answer;
  };
  return {
    attention: (sentence, layer, head) =>
      ask(async () => ({
        ...(await desk.api.attention(sentence, layer, head, listen)),
        names: { teacher: 'teacher', student: 'student', difference: 'difference' },
      })),
    attentionOfRuns: (ours, other, sentence, layer, head) =>
      ask(async () => {
        const { tokens, first, second } = await desk.api.compareRuns(ours.run, other.run, sentence, layer, head, listen);
        if (second.length === 0)
          throw new Error(
            `compare: ${other.name} — expected a head from the same teacher head as layer ${layer + 1}, head ${head + 1} of ${ours.name}, got none. Choose another head.`,
          );
        return { tokens, teacher: second, student: first, names: { teacher: other.name, student: ours.name, difference: 'difference' } };
      }),
    similarities: (sentences) => ask(() => desk.api.similarities(sentences, listen)),
    fillMask: (sentence) => ask(() => desk.api.fillMask(sentence, listen)),
  };
}
