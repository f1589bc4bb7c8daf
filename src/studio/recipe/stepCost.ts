import { plan } from '../../graph/plan.ts';
import { sizeOf } from '../../tensor/shape.ts';
import { stagesOf } from '../../wid/progressive/schedule.ts';
import { progressiveTraining } from '../../training/progressiveTraining.ts';
import { paperTraining } from '../../training/paperTraining.ts';
import { compactorTraining, distillationTraining, weightTraining, type TrainingGraph } from '../../training/trainingGraph.ts';
import { studentConfig } from '../../wid/spaces.ts';
import { compactorSettings, distillationSettings } from '../compression/phases.ts';
import { rampSteps } from '../compression/progressivePhases.ts';
import { checkRecipe, recipeTable, stepShape } from './recipe.ts';
import type { Recipe, StepCost } from '../studioApi.ts';
import type { Teacher } from '../teacher/teacher.ts';

/** Of every trained number a checkpoint keeps the number and its two moments, 4 bytes each. */
const BYTES_KEPT = 12;

/** The training programs of a recipe, planned and not compiled: what a step costs, whatever engine runs it. */
export function stepCosts(teacher: Teacher, recipe: Recipe): readonly StepCost[] {
  checkRecipe(teacher, recipe);
  const { mode, steps, weightDecay } = recipe;
  const table = recipeTable(teacher, recipe);
  const { config } = teacher.model;
  const student = studentConfig(config, table);
  const shape = stepShape(recipe);
  const cost = (phase: StepCost['phase'], count: number, graph: () => TrainingGraph): StepCost[] => {
    if (count <= 0) return [];
    const laid = graph();
    const { arenaBytes, flops } = plan(laid.graph);
    const trained = [...laid.trained.values()].reduce((sum, dims) => sum + sizeOf(dims), 0);
    return [{ phase, steps: count, bytes: arenaBytes, flops, checkpointBytes: BYTES_KEPT * trained }];
  };
  if (mode === 'distil')
    return cost('polish', steps, () =>
      distillationTraining(config, student, shape, weightDecay, distillationSettings(recipe, table), recipe.accumulation),
    );
  if (mode === 'paper') return cost('compactors', steps, () => paperTraining(config, table, shape, recipe.paper, recipe.accumulation));
  if (mode === 'progressive') {
    const stages = stagesOf(table, rampSteps(recipe)).flatMap(({ first, last, sizes }) =>
      cost('gates', last - first, () => progressiveTraining(config, sizes, table.tied, shape, weightDecay, recipe.accumulation)),
    );
    return [
      ...stages,
      ...cost('polish', steps - rampSteps(recipe), () => weightTraining(student, shape, weightDecay, recipe.accumulation)),
    ];
  }
  const compactorSteps = mode === 'calibrated' ? Math.round(steps * recipe.compactorShare) : 0;
  return [
    ...cost('compactors', compactorSteps, () => compactorTraining(config, table, shape, compactorSettings(recipe), recipe.accumulation)),
    ...cost('polish', steps - compactorSteps, () => weightTraining(student, shape, weightDecay, recipe.accumulation)),
  ];
}
