import type { Engine } from '../../engines/engine.ts';
import type { Task, TaskStream } from '../../tasks/task.ts';
import type { Shape } from '../../tensor/shape.ts';
import type { NamedTensors } from '../../tensor/tensor.ts';
import type { SpaceNorms } from '../../wid/norms.ts';
import type { SpaceTable } from '../../wid/spaces.ts';
import type { Recipe } from '../api/recipe.ts';
import type { StudioListener } from '../api/run.ts';
import type { GivenStart, Student } from '../student.ts';
import type { Phase, PhaseContext } from './phase.ts';

/** What making a starting point works with. */
export interface StartTools {
  readonly engine: Engine;
  /** The calibration batches are its first ones. */
  readonly stream: TaskStream;
  readonly control: { proceed(): Promise<boolean> };
  readonly listen: StudioListener;
  /** Compactors that a start is merged from instead of those that it would calibrate. */
  readonly given?: GivenStart | undefined;
}

/**
 * A way to make a student: where it starts, what its steps train, what it costs, and the words for it. Nothing outside of this
 * folder asks for a method by its name (docs/adding-a-method.md); what page and terminal must know is in `settings/modes.ts`.
 */
export interface Method {
  /** `mode` of the recipe; files record it. */
  readonly name: string;
  /** @throws StoppedError if it was stopped before there was a student */
  start(context: PhaseContext, tools: StartTools): Promise<Student>;
  /** In order; those without steps are passed over. */
  phases(context: PhaseContext): Phase[];
  /** Norms of the compactors that a run begins with, for the page; left out if they tell nothing yet. */
  startNorms?(table: SpaceTable, compactors: NamedTensors): SpaceNorms[];
  /**
   * Shapes of what its student is merged from, which is kept beside it; left out if its student is not merged.
   * @param context of the run
   */
  merged?(context: PhaseContext): readonly Shape[];
  /**
   * What of its start a PyTorch job is given (`studio/job/`): the compactors that its student is `merged` from, the `student` itself,
   * or nothing, if compactors begin at the `identity`. Left out if `cluster/` does not train it.
   */
  readonly job?: 'merged' | 'student' | 'identity';
  /** A recipe in sentences, for the model card. @param task what was trained for */
  words(recipe: Recipe, task: Task): string;
}
