import { plan, type PlanOptions } from '../../graph/plan.ts';
import { sizeOf, type Shape } from '../../tensor/shape.ts';
import { checkRecipe } from '../recipe/checkRecipe.ts';
import { recipeTable, stepShape } from '../recipe/recipe.ts';
import type { StepCost } from '../api/cost.ts';
import type { Recipe } from '../api/recipe.ts';
import type { Teacher } from '../teacher/teacher.ts';
import type { PhaseContext } from './phase.ts';
import { methodOf } from './registry.ts';

/** A tensor's name, shape and place in a file's header, in bytes; names are of 20 to 70 letters. */
const HEADER_BYTES = 130;

/** Bytes that tensors of these shapes take in a run's files, each `times` over. */
export function storedBytes(shapes: Iterable<Shape>, times = 1): number {
  let bytes = 0;
  for (const shape of shapes) bytes += times * (4 * sizeOf(shape) + HEADER_BYTES);
  return bytes;
}

/** The context of a recipe's phases before any head is left out: what they cost does not depend on which heads stay. */
function contextOf(teacher: Teacher, recipe: Recipe): PhaseContext {
  return { teacher, table: recipeTable(teacher, recipe), recipe, shape: stepShape(teacher.task, recipe), heads: new Map() };
}

/**
 * The training programs of a recipe, planned and not compiled: what a step costs.
 * @param options of the engine that runs it; those of the CPU engine if left out. Without results in place, a GPU takes more memory
 */
export function stepCosts(teacher: Teacher, recipe: Recipe, options?: PlanOptions): readonly StepCost[] {
  checkRecipe(teacher, recipe);
  const method = methodOf(recipe);
  const context = contextOf(teacher, recipe);
  const kept = storedBytes(method.merged?.(context) ?? []);
  return method.phases(context).flatMap((phase) => {
    const { name, schedule } = phase;
    const steps = schedule.last - schedule.first;
    if (steps <= 0) return [];
    const { graph: nodes, trained, rewritten } = phase.graph();
    const { arenaBytes, flops } = plan(nodes, options);
    // A trained number and its two moments; masks and gates; what the polished student came from.
    const state = storedBytes(trained.values(), 3) + storedBytes(rewritten?.values() ?? []);
    return [
      {
        phase: name,
        steps,
        bytes: arenaBytes,
        flops,
        checkpointBytes: state + (name === 'polish' || phase.keepsBefore === true ? kept : 0),
      },
    ];
  });
}

/** Shapes of what is kept beside a student of this recipe, as it was merged from them; none if it is not merged. */
export function compactorsKept(teacher: Teacher, recipe: Recipe): readonly Shape[] {
  checkRecipe(teacher, recipe);
  return methodOf(recipe).merged?.(contextOf(teacher, recipe)) ?? [];
}
