import { blueprintOf } from '../../models/blueprint.ts';
import type { NamedTensors } from '../../tensor/tensor.ts';
import { guideStates } from '../../training/guide.ts';
import { mergeStudent } from '../../training/mergeStudent.ts';
import { teacherShapes, teacherStates } from '../../training/teacherStates.ts';
import { compactorTraining, type CompactorSettings } from '../../training/trainingGraph.ts';
import { keepHeads } from '../../wid/keepHeads.ts';
import { compactorNorms } from '../../wid/norms.ts';
import type { Recipe } from '../api/recipe.ts';
import type { Method } from './method.ts';
import { ownWeightsPhase } from './ownWeights.ts';
import { usualOptimiser, wholeSchedule, type Phase, type PhaseContext } from './phase.ts';
import { mergedShapes, mergedStart } from './start.ts';
import { fromLogits, settingsInWords } from './words.ts';

function compactorSettings(recipe: Recipe): CompactorSettings {
  const { teacherLearningRate, compactorLearningRate, weightDecay, guidance, distillationTemperature } = recipe;
  return {
    teacherRate: teacherLearningRate / compactorLearningRate,
    teacherDecay: weightDecay,
    meeting: 'counted',
    guidance: { share: guidance, temperature: distillationTemperature },
  };
}

function compactorSteps({ steps, compactorShare }: Recipe): number {
  return Math.round(steps * compactorShare);
}

function compactorPhase({ teacher, table, recipe, shape, heads }: PhaseContext, steps: number): Phase {
  const { config, tensors } = teacher.model;
  const kept = (): NamedTensors => keepHeads(blueprintOf(config), tensors, table.teacher.headSize, heads);
  return {
    name: 'compactors',
    schedule: wholeSchedule(recipe, steps, recipe.compactorLearningRate),
    optimiser: usualOptimiser(recipe),
    graph: () => compactorTraining(config, table, shape, compactorSettings(recipe), recipe.accumulation),
    frozen: () =>
      new Map([
        ...(recipe.teacherLearningRate > 0 ? [] : teacherStates(config, table, kept())),
        ...(recipe.guidance > 0 ? guideStates(tensors) : []),
      ]),
    trained: ({ compactors }) =>
      recipe.teacherLearningRate > 0 ? new Map([...teacherStates(config, table, kept()), ...compactors]) : compactors,
    student: (engine, trained) => mergeStudent(engine, teacher.model, kept(), table, trained),
    norms: (trained) => compactorNorms(table, trained),
  };
}

/** WID from closed forms: trains compactors, reparameterises, then polishes the student's own weights (docs/method.md section 5.1). */
export const calibrated: Method = {
  name: 'calibrated',
  job: 'merged',
  start: (context, tools) => mergedStart(context, tools, false),
  phases: (context) => {
    const { recipe, table } = context;
    const { guidance: share, distillationTemperature: temperature } = recipe;
    const steps = compactorSteps(recipe);
    const learnsFrom = share > 0 ? { temperature, share, hidden: 0, layerMap: table.layerMap } : undefined;
    return [compactorPhase(context, steps), ownWeightsPhase(context, recipe.steps - steps, learnsFrom)];
  },
  startNorms: compactorNorms,
  merged: ({ teacher, table, recipe }) => {
    const learns = compactorSteps(recipe) > 0 && recipe.teacherLearningRate > 0;
    return [...mergedShapes(table), ...(learns ? teacherShapes(teacher.model.config, table).values() : [])];
  },
  words: (recipe) => [startInWords(recipe), stepsInWords(recipe), settingsInWords(recipe)].join(' '),
};

function startInWords({ student, depth, calibrationTokens, calibration }: Recipe): string {
  const how = calibration === 'sequential' ? 'layer by layer against the student so far' : "in one pass over the teacher's activations";
  return [
    `Compactors around every linear layer were solved in closed form on ${calibrationTokens} tokens, ${how}.`,
    ...(depth === 'mixture' ? [`The ${student.layers} layers inherit from learned mixtures of the teacher's.`] : []),
  ].join(' ');
}

function stepsInWords(recipe: Recipe): string {
  const { batch, sequence, teacherLearningRate, guidance, distillationTemperature } = recipe;
  const trained = compactorSteps(recipe);
  const polished = recipe.steps - trained;
  const below = teacherLearningRate > 0 ? `, the teacher's weights below them at ${teacherLearningRate}` : '';
  const parts = [
    ...(trained > 0 ? [`${trained} trained the compactors (peak learning rate ${recipe.compactorLearningRate}${below})`] : []),
    ...(polished > 0 ? [`${polished} polished the student's own weights (peak learning rate ${recipe.polishLearningRate})`] : []),
  ];
  const loss = guidance > 0 ? `, ${fromLogits(guidance, distillationTemperature)}` : '';
  return parts.length === 0
    ? 'Nothing was trained.'
    : `Of ${recipe.steps} steps of ${batch} x ${sequence} tokens, ${parts.join(' and ')}${loss}.`;
}
