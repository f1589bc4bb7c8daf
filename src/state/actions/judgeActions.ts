import type { AttentionComparison, FillComparison } from '../../studio/studioApi.ts';
import type { Desk } from './desk.ts';

export type { AttentionComparison, FillComparison };

export interface JudgeActions {
  /** @returns undefined if it failed; the fault is in the run store */
  attention(sentence: string, layer: number, head: number): Promise<AttentionComparison | undefined>;
  /** @returns undefined if it failed; the fault is in the run store */
  fillMask(sentence: string): Promise<FillComparison | undefined>;
}

export function judgeActions(desk: Desk): JudgeActions {
  return {
    attention: (sentence, layer, head) => desk.asked(() => desk.api.attention(sentence, layer, head)),
    fillMask: (sentence) => desk.asked(() => desk.api.fillMask(sentence)),
  };
}
