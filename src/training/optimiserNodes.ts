import type { MaskedModel } from '../bert/masked.ts';
import { differentiate } from '../graph/differentiate.ts';
import type { Graph } from '../graph/graph.ts';
import { ADAMW_SETTINGS } from '../graph/operation.ts';
import { mul } from '../graph/ops/elementwise.ts';
import { adamw, globalNorm, type AdamwGroup } from '../graph/ops/optimiser.ts';
import type { Value } from '../graph/value.ts';
import { StudioError } from '../tensor/studioError.ts';

/** How AdamW treats one parameter. */
export interface ParameterSettings {
  /** Decoupled weight decay. */
  readonly decay: number;
  /** Multiplies the learning rate of the step. */
  readonly rate: number;
}

/** A parameter on its way into the optimiser. */
export interface Update {
  readonly name: string;
  readonly parameter: Value;
  readonly gradient: Value;
  readonly firstMoment: Value;
}

/** Weight decay for matrices only, as is usual for BERT. */
export function decayOf(weightDecay: number): (name: string) => ParameterSettings {
  return (name) => ({ decay: name.endsWith('bias') || name.includes('LayerNorm') ? 0 : weightDecay, rate: 1 });
}

/**
 * Ends a training graph: reported loss, gradients, their norm, and one AdamW update. The host writes `lossWeight` and
 * `settings`; every parameter has moments as states `first.NAME` and `second.NAME`.
 *
 * @param target what is minimised, [1]; the loss that is reported stays the task's own
 * @param change may put another gradient in the place of the task's
 */
export function addOptimiser(
  graph: Graph,
  student: MaskedModel,
  target: Value,
  trained: ReadonlyMap<string, Value>,
  settingsOf: (name: string) => ParameterSettings,
  change: (update: Update) => Value = ({ gradient }) => gradient,
): void {
  const weight = graph.input('lossWeight', [1]);
  const settings = graph.input('settings', [ADAMW_SETTINGS.length]);
  graph.output('loss', mul(graph, student.lossSum, weight));
  const gradients = differentiate(graph, target, [...trained.values()], weight);
  const groups = [...trained].map(([name, parameter], index): AdamwGroup => {
    const gradient = gradients[index];
    if (gradient === undefined) throw new StudioError('graph', `training graph: no gradient for ${name}.`);
    const { decay, rate } = settingsOf(name);
    const firstMoment = graph.state(`first.${name}`, parameter.shape);
    return {
      parameter,
      gradient: change({ name, parameter, gradient, firstMoment }),
      firstMoment,
      secondMoment: graph.state(`second.${name}`, parameter.shape),
      decay,
      rate,
    };
  });
  const norm = globalNorm(
    graph,
    groups.map(({ gradient }) => gradient),
  );
  graph.output('norm', norm);
  adamw(graph, groups, settings, norm);
}
