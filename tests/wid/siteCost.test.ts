import { describe, expect, test } from 'vitest';
import type { BertConfig } from '../../src/models/config.ts';
import { plan } from '../../src/graph/plan.ts';
import { compactorTraining, FROZEN_TEACHER } from '../../src/training/trainingGraph.ts';
import type { Meeting } from '../../src/wid/meeting.ts';
import { chooseSites } from '../../src/wid/siteCost.ts';
import { spacesOf, spaceTable, type SpaceTable } from '../../src/wid/spaces.ts';
import { goldenTeacher } from '../golden/load.ts';
import { maskedWords } from '../../src/tasks/maskedWords.ts';

const teacher: BertConfig = {
  ...goldenTeacher().config,
  hiddenSize: 64,
  heads: 4,
  intermediateSize: 256,
  vocabSize: 2000,
  maxPositions: 64,
  layers: 2,
};
const student = { residual: 32, heads: 4, headSize: 8, inner: 128, layers: 2 };

function flops(table: SpaceTable, sequences: number, meeting: Meeting, teacherRate: number): number {
  const shape = { task: maskedWords, batch: sequences, sequence: 16, slots: 2 * sequences };
  return plan(compactorTraining(teacher, table, shape, { ...FROZEN_TEACHER, teacherRate, meeting }).graph).flops;
}

describe('where matrices meet their compactors', () => {
  test.each([
    [1, false, 0],
    [8, false, 0],
    [128, false, 0],
    [1, true, 0],
    [128, true, 0],
    [1, false, 0.1],
    [128, false, 0.1],
  ])('%i sequences, tied %s, teacher rate %f: the count chooses the cheaper plan', (sequences, tied, rate) => {
    const table = spaceTable(spacesOf(teacher), student, tied, 'last');
    const [counted, merged, applied] = (['counted', 'merged', 'applied'] as const).map((meeting) => flops(table, sequences, meeting, rate));
    // Elementwise work is not in the count of multiplications; it is a few thousandths of a plan.
    expect(counted).toBeLessThanOrEqual(1.005 * Math.min(merged ?? 0, applied ?? 0));
  });

  test('few rows are sent through the compactors, many rows pay for merging; the lookup is the last to merge', () => {
    const table = spaceTable(spacesOf(teacher), student, false, 'last');
    const plansAt = (tokens: number): ReadonlyMap<string, string> => chooseSites(teacher, table, { tokens, slots: tokens / 8 }, false);
    expect(new Set(plansAt(8).values())).toEqual(new Set(['applied']));
    expect(plansAt(1024).get('layer.0.intermediate')).toBe('merged');
    expect(plansAt(1024).get('embeddings')).toBe('applied');
    expect(new Set(plansAt(100_000).values())).toEqual(new Set(['merged']));
  });
});
