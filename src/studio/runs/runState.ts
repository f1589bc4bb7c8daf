import type { NamedTensors } from '../../tensor/tensor.ts';
import type { StreamState } from '../../text/maskedBatch.ts';
import type { PhaseName, Recipe } from '../api/recipe.ts';
import type { HeldOut } from '../api/run.ts';

/** Everything that a run needs to go on from between two steps as if it had never stopped. */
export interface RunState {
  readonly recipe: Recipe;
  readonly phase: PhaseName;
  /** Steps of the run done, over all phases. */
  readonly done: number;
  /** Updates done in this phase: Adam's bias correction and the learning rate depend on it. */
  readonly updates: number;
  readonly stream: StreamState;
  /** Kept heads by teacher layer. */
  readonly heads: readonly (readonly [number, readonly number[]])[];
  readonly untrained: HeldOut;
  /** Norms of the last gradients: they say what an explosion is. Not noted by earlier builds. */
  readonly norms?: readonly number[];
  /** Seconds of work so far. */
  readonly seconds: number;
  /** Trained tensors and their moments of this phase. */
  readonly tensors: NamedTensors;
  /** Compactors that the student was merged from before this phase; empty where there were none. */
  readonly compactors: NamedTensors;
}
