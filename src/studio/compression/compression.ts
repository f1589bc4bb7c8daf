import type { Engine } from '../../engines/engine.ts';
import type { Corpus } from '../../text/corpus.ts';
import { checkRecipe } from '../recipe/checkRecipe.ts';
import { recipeTable, stepShape, trainingStream } from '../recipe/recipe.ts';
import type { GivenStart, Student } from '../student.ts';
import { traitsOf } from '../settings/modes.ts';
import type { TaskStream } from '../../tasks/task.ts';
import type { RunState } from '../runs/runState.ts';
import type { Recipe } from '../api/recipe.ts';
import type { StudioListener } from '../api/run.ts';
import type { Teacher } from '../teacher/teacher.ts';
import { Looks } from './looks.ts';
import type { Method } from '../methods/method.ts';
import { methodOf, METHODS } from '../methods/registry.ts';
import { phasesFrom, Run, type Compressed } from './run.ts';
import type { RunControl } from './runControl.ts';
import { WorkClock } from './workClock.ts';

/**
 * A whole run: start (calibrated, selected or fresh), train phase by phase, held-out numbers on the way.
 *
 * @param methods those that the recipe may name
 * @param given compactors of an earlier run to begin with; null if a run that goes on began with some that are not at hand
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
  methods: readonly Method[] = METHODS,
  given?: GivenStart | null,
): Promise<Compressed> {
  checkRecipe(
    teacher,
    recipe,
    methods.map(({ name }) => name),
  );
  const clock = new WorkClock(() => control.now?.() ?? performance.now(), from?.seconds);
  const table = recipeTable(teacher, recipe);
  const method = methodOf(recipe, methods);
  const context = { teacher, table, recipe, shape: stepShape(teacher.task, recipe) };
  const stream = trainingStream(teacher, corpus, recipe);
  const looks = await Looks.create(engine, teacher, corpus, recipe, table, listen);
  try {
    const start = (calibrating: TaskStream): Promise<Student> =>
      method.start({ ...context, heads: new Map() }, { engine, stream: calibrating, control, listen, given: given ?? undefined });
    const again = given === null ? undefined : (): Promise<Student> => start(trainingStream(teacher, corpus, recipe));
    const offered = traitsOf(recipe).needsSteps === undefined ? { again } : undefined;
    const tools = { engine, method, context, stream, looks, clock, control, listen, start: offered };
    const run = from === undefined ? await Run.begin(tools, await start(stream)) : Run.resume(tools, from);
    const phases = method.phases({ ...context, heads: run.heads });
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
