import { plan } from '../../graph/plan.ts';
import { sizeOf, type Shape } from '../../tensor/shape.ts';
import { compactorShapes, normSites } from '../../wid/compactors.ts';
import { stagesOf } from '../../wid/progressive/schedule.ts';
import { progressiveTraining } from '../../training/progressiveTraining.ts';
import { teacherShapes } from '../../training/teacherStates.ts';
import { paperTraining } from '../../training/paperTraining.ts';
import { compactorTraining, type TrainingGraph } from '../../training/trainingGraph.ts';
import { compactorSettings, ownWeightsTraining } from '../compression/phases.ts';
import { rampSteps } from '../compression/progressivePhases.ts';
import { checkRecipe } from './checkRecipe.ts';
import { recipeTable, stepShape } from './recipe.ts';
import type { StepCost } from '../api/cost.ts';
import type { Recipe } from '../api/recipe.ts';
import type { Teacher } from '../teacher/teacher.ts';

/** A tensor's name, shape and place in a file's header, in bytes; names are of 20 to 70 letters. */
const HEADER_BYTES = 130;

/** Bytes that tensors of these shapes take in a run's files, each `times` over. */
export function storedBytes(shapes: Iterable<Shape>, times = 1): number {
  let bytes = 0;
  for (const shape of shapes) bytes += times * (4 * sizeOf(shape) + HEADER_BYTES);
  return bytes;
}

interface StepProgram {
  readonly phase: StepCost['phase'];
  readonly steps: number;
  readonly graph: () => TrainingGraph;
}

/** The training programs of a recipe, planned and not compiled: what a step costs, whatever engine runs it. */
export function stepCosts(teacher: Teacher, recipe: Recipe): readonly StepCost[] {
  const kept = storedBytes(compactorsKept(teacher, recipe));
  return programsOf(teacher, recipe).map(({ phase, steps, graph }) => {
    const { graph: nodes, trained, rewritten } = graph();
    const { arenaBytes, flops } = plan(nodes);
    // A trained number and its two moments; masks and gates; what the polished student came from.
    const state = storedBytes(trained.values(), 3) + storedBytes(rewritten?.values() ?? []);
    return { phase, steps, bytes: arenaBytes, flops, checkpointBytes: state + (phase === 'polish' ? kept : 0) };
  });
}

function programsOf(teacher: Teacher, recipe: Recipe): StepProgram[] {
  checkRecipe(teacher, recipe);
  const { mode, weightDecay } = recipe;
  const table = recipeTable(teacher, recipe);
  const { config } = teacher.model;
  const shape = stepShape(teacher.task, recipe);
  const program = (phase: StepCost['phase'], steps: number, graph: () => TrainingGraph): StepProgram[] =>
    steps <= 0 ? [] : [{ phase, steps, graph }];
  const polish = (steps: number): StepProgram[] => program('polish', steps, () => ownWeightsTraining({ teacher, table, recipe, shape }));
  if (mode === 'paper')
    return program('compactors', recipe.steps, () => paperTraining(config, table, shape, recipe.paper, recipe.accumulation));
  if (mode === 'progressive') {
    const stages = stagesOf(table, rampSteps(recipe)).flatMap(({ first, last, sizes }) =>
      program('gates', last - first, () => progressiveTraining(config, sizes, table.tied, shape, weightDecay, recipe.accumulation)),
    );
    return [...stages, ...polish(recipe.steps - rampSteps(recipe))];
  }
  const compactorSteps = compactorStepsOf(recipe);
  return [
    ...program('compactors', compactorSteps, () => compactorTraining(config, table, shape, compactorSettings(recipe), recipe.accumulation)),
    ...polish(recipe.steps - compactorSteps),
  ];
}

function compactorStepsOf({ mode, steps, compactorShare }: Recipe): number {
  return mode === 'calibrated' ? Math.round(steps * compactorShare) : 0;
}

/** Shapes of the compactors and LayerNorms that are kept beside a student of this recipe, as it was merged from them. */
export function compactorsKept(teacher: Teacher, recipe: Recipe): readonly Shape[] {
  const { mode } = recipe;
  if (mode === 'scratch' || mode === 'progressive') return [];
  if (mode === 'paper')
    return programsOf(teacher, recipe).flatMap(({ graph }) => {
      const { trained, rewritten } = graph();
      return Array.from(new Map([...trained, ...(rewritten ?? [])]).values());
    });
  const table = recipeTable(teacher, recipe);
  const norm: Shape = [table.student.residual];
  const own = compactorStepsOf(recipe) > 0 && recipe.teacherLearningRate > 0 ? teacherShapes(teacher.model.config, table) : undefined;
  return [...compactorShapes(table).values(), ...normSites(table).flatMap(() => [norm, norm]), ...(own?.values() ?? [])];
}
