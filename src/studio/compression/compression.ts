import type { Engine } from '../../engines/engine.ts';
import type { Corpus } from '../../text/corpus.ts';
import { checkRecipe } from '../recipe/checkRecipe.ts';
import { recipeTable, stepShape, trainingStream } from '../recipe/recipe.ts';
import type { RunState } from '../runs/runState.ts';
import type { Recipe } from '../api/recipe.ts';
import type { StudioListener } from '../api/run.ts';
import type { Teacher } from '../teacher/teacher.ts';
import { Looks } from './looks.ts';
import { paperStartingPoint } from './paperPhase.ts';
import { phasesOf } from './phases.ts';
import { phasesFrom, Run, type Compressed } from './run.ts';
import type { RunControl } from './runControl.ts';
import type { StartingPoint } from './phase.ts';
import { startingPoint } from './startingPoint.ts';
import { WorkClock } from './workClock.ts';

/**
 * A whole run: start (calibrated, selected or fresh), train phase by phase, held-out numbers on the way.
 *
 * @param from a kept state of the same recipe, teacher and text: the run goes on from there with the same numbers
 */
export async function compress(
  engine: Engine,
  teacher: Teacher,
  corpus: Corpus,
  recipe: Recipe,
  control: RunControl,
  listen: StudioListener,
  from?: RunState,
): Promise<Compressed> {
  checkRecipe(teacher, recipe);
  const clock = new WorkClock(() => control.now?.() ?? performance.now(), from?.seconds);
  const table = recipeTable(teacher, recipe);
  const context = { engine, teacher, table, recipe, shape: stepShape(teacher.task, recipe) };
  const stream = trainingStream(teacher, corpus, recipe);
  const looks = await Looks.create(engine, teacher, corpus, recipe, table, listen);
  try {
    const tools = { context, stream, looks, clock, control, listen };
    const start = (): Promise<StartingPoint> =>
      recipe.mode === 'paper'
        ? paperStartingPoint({ ...context, heads: new Map() })
        : startingPoint(engine, teacher, table, recipe, stream, control, listen);
    const run = from === undefined ? await Run.begin(tools, await start()) : Run.resume(tools, from);
    const phases = phasesOf({ ...context, heads: run.heads });
    let resumed = from;
    for (const phase of from === undefined ? phases : phasesFrom(phases, from)) {
      await run.train(phase, resumed);
      resumed = undefined;
    }
    return await run.end();
  } finally {
    looks.dispose();
  }
}
