import { blueprintOf } from '../../models/blueprint.ts';
import { StudioError } from '../../tensor/studioError.ts';
import { freshProjection, PROJECTION } from '../../training/hiddenLoss.ts';
import { mergeStudent } from '../../training/mergeStudent.ts';
import {
  compactorTraining,
  distillationTraining,
  weightTraining,
  type CompactorSettings,
  type DistillationSettings,
  type TrainingGraph,
} from '../../training/trainingGraph.ts';
import { guideStates } from '../../training/guide.ts';
import { teacherStates } from '../../training/teacherStates.ts';
import { keepHeads } from '../../wid/keepHeads.ts';
import { compactorNorms } from '../../wid/norms.ts';
import { studentConfig, type SpaceTable } from '../../wid/spaces.ts';
import { paperPhase } from './paperPhase.ts';
import { progressivePhases, rampSteps, squeezed } from './progressivePhases.ts';
import { usualOptimiser, wholeSchedule, type Phase, type PhaseContext } from './phase.ts';
import type { Recipe } from '../api/recipe.ts';

/** `calibrated` trains compactors, then polishes; the baselines train the student's own weights alone. */
export function phasesOf(context: PhaseContext): Phase[] {
  const { recipe } = context;
  if (recipe.mode === 'paper') return [paperPhase(context)];
  if (recipe.mode === 'progressive') {
    const polish = weightPhase(context, recipe.steps);
    // One learning rate falls over ramp and polish together, and Adam's moments go along.
    const schedule = { ...polish.schedule, first: rampSteps(recipe) };
    return [...progressivePhases(context), { ...polish, schedule, trained: (before) => squeezed(context, before) }];
  }
  if (recipe.mode === 'calibrated') {
    const compactorSteps = Math.round(recipe.steps * recipe.compactorShare);
    return [compactorPhase(context, compactorSteps), weightPhase(context, recipe.steps - compactorSteps)];
  }
  return [weightPhase(context, recipe.steps)];
}

export function compactorSettings(recipe: Recipe): CompactorSettings {
  const { teacherLearningRate, compactorLearningRate, weightDecay, guidance, distillationTemperature } = recipe;
  return {
    teacherRate: teacherLearningRate / compactorLearningRate,
    teacherDecay: weightDecay,
    meeting: 'counted',
    guidance: { share: guidance, temperature: distillationTemperature },
  };
}

/** What the student's own weights learn from the teacher: `distil` always, polishing where `calibrated` is guided; nothing otherwise. */
export function distillationSettings(recipe: Recipe, { layerMap }: SpaceTable): DistillationSettings | undefined {
  const { mode, guidance, distillationTemperature: temperature, distillationShare, distillationHidden } = recipe;
  if (mode === 'distil') return { temperature, share: distillationShare, hidden: distillationHidden, layerMap };
  return mode === 'calibrated' && guidance > 0 ? { temperature, share: guidance, hidden: 0, layerMap } : undefined;
}

/** A step on the student's own weights, with the teacher in the same graph where it is learned from. */
export function ownWeightsTraining({ teacher, table, recipe, shape }: Omit<PhaseContext, 'engine' | 'heads'>): TrainingGraph {
  const config = studentConfig(teacher.model.config, table);
  const settings = distillationSettings(recipe, table);
  return settings === undefined
    ? weightTraining(config, shape, recipe.weightDecay, recipe.accumulation)
    : distillationTraining(teacher.model.config, config, shape, recipe.weightDecay, settings, recipe.accumulation);
}

function compactorPhase({ engine, teacher, table, recipe, shape, heads }: PhaseContext, steps: number): Phase {
  const { config, tensors } = teacher.model;
  const kept = keepHeads(blueprintOf(config), tensors, table.teacher.headSize, heads);
  return {
    name: 'compactors',
    schedule: wholeSchedule(recipe, steps, recipe.compactorLearningRate),
    optimiser: usualOptimiser(recipe),
    graph: () => compactorTraining(config, table, shape, compactorSettings(recipe), recipe.accumulation),
    frozen: () =>
      new Map([
        ...(recipe.teacherLearningRate > 0 ? [] : teacherStates(config, table, kept)),
        ...(recipe.guidance > 0 ? guideStates(tensors) : []),
      ]),
    trained: ({ compactors }) =>
      recipe.teacherLearningRate > 0 ? new Map([...teacherStates(config, table, kept), ...compactors]) : compactors,
    student: (trained) => mergeStudent(engine, teacher.model, kept, table, trained),
    norms: (trained) => compactorNorms(table, trained),
  };
}

function weightPhase({ teacher, table, recipe, shape }: PhaseContext, steps: number): Phase {
  const config = studentConfig(teacher.model.config, table);
  const learnsFrom = distillationSettings(recipe, table);
  return {
    name: 'polish',
    schedule: wholeSchedule(recipe, steps, recipe.polishLearningRate),
    optimiser: usualOptimiser(recipe),
    graph: () => ownWeightsTraining({ teacher, table, recipe, shape }),
    frozen: () => (learnsFrom === undefined ? new Map() : guideStates(teacher.model.tensors)),
    trained: ({ student }) => {
      if (student === undefined) throw new StudioError('run', 'run: there is no student to polish. Start the run again.');
      if (learnsFrom === undefined || learnsFrom.hidden === 0) return student.tensors;
      const projection = freshProjection(config.hiddenSize, teacher.model.config.hiddenSize, recipe.seed);
      return new Map([...student.tensors, [PROJECTION, projection]]);
    },
    student: (trained) => Promise.resolve({ config, tensors: new Map([...trained].filter(([name]) => name !== PROJECTION)) }),
    norms: () => [],
  };
}
