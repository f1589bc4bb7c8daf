import type { AttentionComparison, FillComparison } from '../../studio/studioApi.ts';
import { useRun } from '../runStore.ts';
import type { Desk } from './desk.ts';

export type { AttentionComparison, FillComparison };

export interface JudgeActions {
  /** @returns undefined if it failed; the fault is in the run store */
  attention(sentence: string, layer: number, head: number): Promise<AttentionComparison | undefined>;
  /** @returns undefined if it failed; the fault is in the run store */
  fillMask(sentence: string): Promise<FillComparison | undefined>;
}

export function judgeActions(desk: Desk): JudgeActions {
  const ask = async <T>(question: () => Promise<T>): Promise<T | undefined> => {
    useRun.setState({ asking: true });
    const answer = await desk.asked(() => desk.exclusive(question));
    useRun.setState({ asking: false });
    return answer;
  };
  return {
    attention: (sentence, layer, head) => ask(() => desk.api.attention(sentence, layer, head)),
    fillMask: (sentence) => ask(() => desk.api.fillMask(sentence)),
  };
}
