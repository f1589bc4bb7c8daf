import { expect, test } from 'vitest';
import { RunStage } from '../../src/cli/interruption.ts';
import type { StudioEvent } from '../../src/studio/api/run.ts';

const value = { loss: 1, accuracy: 0, agreement: 0 };
const teacherJudged: StudioEvent = { kind: 'heldOut', step: 0, model: 'teacher', value };
const studentJudged: StudioEvent = { kind: 'heldOut', step: 0, model: 'student', value };
const firstStep: StudioEvent = {
  kind: 'step',
  step: 1,
  steps: 5,
  phase: 'compactors',
  loss: 1,
  gradientNorm: 1,
  learningRate: 1,
  tokensPerSecond: 0,
  secondsLeft: 0,
};

/** The first words at the beginning and after each event. */
function told(stage: RunStage): string[] {
  const words = (): string => stage.said.split(';')[0] ?? '';
  return [
    words(),
    ...[teacherJudged, studentJudged, firstStep].map((event) => {
      stage.hear(event);
      return words();
    }),
  ];
}

const NOTHING = 'Stopping before the first step';
const NEXT = 'Stopping after the next step';
const THIS = 'Stopping after this step';

test('nothing is written only before a run has its first student', () => {
  expect(told(new RunStage({ mode: 'calibrated' }, { head: 'mlm' }, false))).toEqual([NOTHING, NOTHING, NEXT, THIS]);
  for (const mode of ['scratch', 'paper'] as const)
    expect(told(new RunStage({ mode }, { head: 'mlm' }, false)), mode).toEqual([NEXT, NEXT, NEXT, THIS]);
  expect(told(new RunStage({ mode: 'calibrated' }, { head: 'mlm' }, true)), 'resumed').toEqual([NEXT, NEXT, NEXT, THIS]);
});

test('fitting a head to a teacher without one is stopped as calibration is', () => {
  expect(told(new RunStage({ mode: 'scratch' }, { head: 'none' }, false))).toEqual([NOTHING, NEXT, NEXT, THIS]);
  expect(told(new RunStage({ mode: 'calibrated' }, { head: 'none' }, true))).toEqual([NOTHING, NEXT, NEXT, THIS]);
});
