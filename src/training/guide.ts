import type { BertConfig } from '../models/config.ts';
import type { EncoderResult } from '../models/encoder.ts';
import { parameterShapes } from '../models/model.ts';
import type { LaidModel } from '../models/runnable.ts';
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

/**
 * What a student that learns from its teacher minimises, and the teacher's states on the same tokens: `(1 - share)` times the task's
 * loss plus `share` times the divergence from the teacher's answers, summed over the slots. If the answers come with the batch, the
 * task's loss is that divergence, and of the teacher the encoder alone is run.
 */
export function guided(
  graph: Graph,
  teacher: LaidModel,
  part: TaskPart,
  student: TaskModel,
  { share, temperature }: Guidance,
): { readonly target: Value; readonly encoder: EncoderResult } {
  const own = student.target ?? student.lossSum;
  if (share === 0 || part.divergence === undefined) return { target: own, encoder: teacher.encoder(part.encoder) };
  const model = part.model(teacher);
  const soft = part.divergence(student, model, temperature);
  const target = share === 1 ? soft : add(graph, scale(graph, own, 1 - share), scale(graph, soft, share));
  return { target, encoder: model.encoder };
}
