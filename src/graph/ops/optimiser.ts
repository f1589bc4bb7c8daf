import { sizeOf } from '../../tensor/shape.ts';
import type { Graph } from '../graph.ts';
import { ADAMW_SETTINGS } from '../operation.ts';
import { requireContiguous, requireSameShape, requireShape, type Value } from '../value.ts';
import { contiguous } from './layout.ts';

/** One parameter under training. */
export interface AdamwGroup {
  readonly parameter: Value;
  readonly gradient: Value;
  readonly firstMoment: Value;
  readonly secondMoment: Value;
  /** Decoupled weight decay. */
  readonly decay: number;
  /** Multiplies the learning rate. */
  readonly rate: number;
}

/**
 * [2]: the joint L2 norm of all tensors, and a flag: 1 where it and the loss are finite, it is at most the settings'
 * `normLimit` and nothing was halted before, else 0.
 *
 * Losses are read late: after a fault `halted` keeps the flag at 0 on the device, run after run, until the host writes 0.
 *
 * @param loss [1], no part of the norm   @param settings in the order of ADAMW_SETTINGS
 * @param halted state [1]: 0 while all was sound; becomes 1 with the first fault
 */
export function globalNorm(graph: Graph, tensors: readonly Value[], loss: Value, settings: Value, halted: Value): Value {
  requireShape('globalNorm', 'loss', loss, [1]);
  requireShape('globalNorm', 'settings', settings, [ADAMW_SETTINGS.length]);
  requireShape('globalNorm', 'halted', halted, [1]);
  const inputs = tensors.map((tensor) => contiguous(graph, tensor));
  return graph.add({
    operation: { kind: 'globalNorm' },
    inputs: [...inputs, loss, settings],
    output: graph.temporary('globalNorm', [2]),
    writes: [halted],
    gradient: null,
    reference: (arrays, out, [stopped]) => {
      let sum = 0;
      for (const array of arrays.slice(0, -2)) for (const x of array) sum += x * x;
      const size = Math.sqrt(sum);
      const limit = arrays.at(-1)?.[ADAMW_SETTINGS.indexOf('normLimit')] ?? 0;
      const sound = Number.isFinite(sum) && size <= limit && Number.isFinite(arrays.at(-2)?.[0]) && stopped?.[0] === 0;
      out[0] = size;
      out[1] = sound ? 1 : 0;
      if (stopped !== undefined) stopped[0] = sound ? 0 : 1;
    },
    flops: 2 * inputs.reduce((sum, x) => sum + sizeOf(x.shape), 0),
  });
}

/**
 * AdamW over all parameters at once, with clipping to the global norm; parameters and moments are overwritten.
 * Nothing changes while the norm's flag is 0, so numbers that are not finite never reach the weights.
 *
 * @param settings in the order of ADAMW_SETTINGS   @param norm [2], from {@link globalNorm}
 */
export function adamw(graph: Graph, groups: readonly AdamwGroup[], settings: Value, norm: Value): void {
  requireShape('adamw', 'settings', settings, [ADAMW_SETTINGS.length]);
  requireShape('adamw', 'norm', norm, [2]);
  for (const group of groups) {
    requireContiguous('adamw', group.parameter.storage.label, group.parameter);
    requireSameShape('adamw', group.parameter, group.gradient);
  }
  const writes = groups.flatMap((group) => [group.parameter, group.firstMoment, group.secondMoment]);
  const inputs = groups.map((group) => contiguous(graph, group.gradient));
  graph.add({
    operation: { kind: 'adamw', count: groups.length, decay: groups.map((g) => g.decay), rate: groups.map((g) => g.rate) },
    inputs: [...inputs, settings, norm],
    output: graph.temporary('adamw', [1]),
    writes,
    gradient: null,
    reference: (arrays, _out, states) => {
      const [rate = 0, beta1 = 0, beta2 = 0, epsilon = 0, correction1 = 1, correction2 = 1, clip = Infinity] = arrays.at(-2) ?? [];
      const [size = 0, finite = 0] = arrays.at(-1) ?? [];
      if (finite === 0) return;
      const shrink = Math.min(1, clip / (size + 1e-6));
      groups.forEach((group, index) => {
        const gradient = arrays[index] ?? new Float64Array();
        const [p, m, v] = [states[3 * index], states[3 * index + 1], states[3 * index + 2]];
        if (p === undefined || m === undefined || v === undefined) return;
        const step = rate * group.rate;
        for (let i = 0; i < p.length; i++) {
          const g = (gradient[i] ?? 0) * shrink;
          const first = beta1 * (m[i] ?? 0) + (1 - beta1) * g;
          const second = beta2 * (v[i] ?? 0) + (1 - beta2) * g * g;
          m[i] = first;
          v[i] = second;
          p[i] = (p[i] ?? 0) * (1 - step * group.decay) - (step * (first / correction1)) / (Math.sqrt(second / correction2) + epsilon);
        }
      });
    },
    flops: 14 * groups.reduce((sum, group) => sum + sizeOf(group.parameter.shape), 0),
  });
}
