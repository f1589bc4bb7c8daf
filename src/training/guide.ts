import type { BertConfig } from '../models/config.ts';
import type { ParameterLookup } from '../models/encoder.ts';
import { parameterShapes } from '../models/model.ts';
import { laidAs } from '../models/runnable.ts';
import type { TaskModel, TaskPart } from '../tasks/task.ts';
import type { Graph } from '../graph/graph.ts';
import { scale } from '../graph/ops/elementwise.ts';
import { add } from '../graph/ops/layout.ts';
import type { Value } from '../graph/value.ts';
import { sameShape } from '../tensor/shape.ts';
import type { NamedTensors, Tensor } from '../tensor/tensor.ts';

/** How much of the loss comes from the teacher's answers. */
export interface Guidance {
  /** 0 to 1; the rest is the task's own loss. */
  readonly share: number;
  /** Softens both distributions. */
  readonly temperature: number;
}

/** State of a tensor of the teacher that is learned from, apart from the one that is merged and may be trained. */
export function guideName(name: string): string {
  return `guide.${name}`;
}

/** The teacher's tensors by the names of their states. */
export function guideStates(tensors: NamedTensors): Map<string, Tensor> {
  return new Map([...tensors].map(([name, tensor]) => [guideName(name), tensor]));
}

/**
 * The teacher's parameters, whole and frozen. Those that the merge reads and nothing trains serve both.
 *
 * @param merged the merge's frozen tensors by their names in the teacher; none where they are trained
 * @returns all parameters by name, and those of them that are states of the guide's own, by state name
 */
export function guideParameters(
  graph: Graph,
  teacher: BertConfig,
  merged: ReadonlyMap<string, Value> = new Map(),
): { readonly values: Map<string, Value>; readonly own: Map<string, Value> } {
  const values = new Map<string, Value>();
  const own = new Map<string, Value>();
  for (const [name, shape] of parameterShapes(teacher)) {
    const shared = merged.get(name);
    // Where whole heads were left out, the merge's tensor is another one.
    const value = shared !== undefined && sameShape(shared.shape, shape) ? shared : graph.frozen(guideName(name), shape);
    values.set(name, value);
    if (value !== shared) own.set(guideName(name), value);
  }
  return { values, own };
}

/** The teacher's forward pass over the same tokens. */
export function guideModel(graph: Graph, teacher: BertConfig, parameter: ParameterLookup, part: TaskPart): TaskModel {
  return part.model(laidAs(graph, teacher, parameter));
}

/**
 * What a student that learns from its teacher's answers minimises: `(1 - share)` times the task's loss plus `share` times
 * the divergence from the teacher's answers, summed over the slots.
 *
 * @returns [1]
 */
export function guidedTarget(
  graph: Graph,
  student: TaskModel,
  teacher: TaskModel,
  part: TaskPart,
  { share, temperature }: Guidance,
): Value {
  const soft = part.divergence(student, teacher, temperature);
  if (share === 1) return soft;
  return add(graph, scale(graph, student.lossSum, 1 - share), scale(graph, soft, share));
}
