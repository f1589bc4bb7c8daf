import { differentiateParts } from '../graph/differentiate.ts';
import type { Graph } from '../graph/graph.ts';
import { ADAMW_SETTINGS } from '../graph/operation.ts';
import { mul } from '../graph/ops/elementwise.ts';
import { accumulate } from '../graph/ops/layout.ts';
import { adamw, globalNorm, type AdamwGroup } from '../graph/ops/optimiser.ts';
import type { Value } from '../graph/value.ts';
import type { Blueprint } from '../models/blueprint.ts';
import { StudioError } from '../tensor/studioError.ts';
import { isStackedBias } from '../wid/compactors.ts';
import { ownName } from './teacherStates.ts';

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

/** Weight decay for matrices only, as is usual for BERT: biases, gains and shifts do not decay. States of the teacher's count as its tensors. */
export function decayOf(weightDecay: number, blueprint: Blueprint): (name: string) => ParameterSettings {
  return (name) => {
    const own = ownName(name);
    return { decay: blueprint.isVector(own) || isStackedBias(own) ? 0 : weightDecay, rate: 1 };
  };
}

/** The state that keeps every later step from moving the weights after one that was not sound ({@link globalNorm}); 0 clears it. */
export const HALTED = 'halted';

/** What one micro-batch contributes. */
export interface PartLoss {
  /** The task's own loss, summed over predicted tokens, [1]: what is reported. */
  readonly lossSum: Value;
  /** What is minimised, [1]. */
  readonly target: Value;
}

/**
 * Ends a training graph: reported loss, gradients, their norm, and one AdamW update. The host writes `lossWeight` and
 * `settings`; every parameter has moments as states `first.NAME` and `second.NAME`.
 *
 * @param parts each adds one micro-batch to the graph; what lies in the graph before them, as a merge, is paid once
 * @param change may put another gradient in the place of the task's
 */
export function addOptimiser(
  graph: Graph,
  trained: ReadonlyMap<string, Value>,
  parts: readonly (() => PartLoss)[],
  settingsOf: (name: string) => ParameterSettings,
  change: (update: Update) => Value = ({ gradient }) => gradient,
): void {
  const weight = graph.input('lossWeight', [1]);
  const settings = graph.input('settings', [ADAMW_SETTINGS.length]);
  let sum: Value | null = null;
  const targets = parts.map((part) => (): Value => {
    const { lossSum, target } = part();
    sum = accumulate(graph, sum, lossSum);
    return target;
  });
  const gradients = differentiateParts(graph, [...trained.values()], weight, targets);
  if (sum === null) throw new StudioError('graph', 'training graph: a step needs at least one batch.');
  const loss = mul(graph, sum, weight);
  graph.output('loss', loss);
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
    loss,
    settings,
    graph.state(HALTED, [1]),
  );
  graph.output('norm', norm);
  adamw(graph, groups, settings, norm);
}
