import type { BertConfig } from '../models/config.ts';
import { shiftOf, type EncoderOptions, type EncoderShape, type ParameterLookup } from '../models/encoder.ts';
import { encoderShape } from '../models/model.ts';
import { blueprintOf, spaceWidths, type Blueprint, type Module } from '../models/blueprint.ts';
import { laidModel, statesOf, type Runnable } from '../models/runnable.ts';
import type { StepShape } from '../tasks/task.ts';
import { Graph } from '../graph/graph.ts';
import { broadcast, mul } from '../graph/ops/elementwise.ts';
import { linear, matmul } from '../graph/ops/matmul.ts';
import { reshape } from '../graph/ops/view.ts';
import { weightedNorm } from '../graph/ops/weightedNorm.ts';
import type { Value } from '../graph/value.ts';
import type { Shape } from '../tensor/shape.ts';
import type { NamedTensors, Tensor } from '../tensor/tensor.ts';
import { axesOf, axisOf, rebuilds, type AxisSpace } from '../wid/progressive/axes.ts';
import type { Gates } from '../wid/progressive/schedule.ts';
import { tableWidth, type Spaces } from '../wid/spaces.ts';
import { addOptimiser, decayOf, type PartLoss } from './optimiserNodes.ts';
import type { TrainingGraph } from './trainingGraph.ts';

/**
 * The states that the schedule rewrites before every step: gates, how far closed they are, the weights of LayerNorm's
 * statistics, the number 1.
 */
export function gateStates({ residual, embedding, attention, inner }: Gates): Map<string, Tensor> {
  const vector = (data: Float32Array): Tensor => ({ shape: [data.length], data });
  const shares = (gates: Float32Array): Float32Array => {
    const sum = gates.reduce((total, gate) => total + gate, 0);
    return gates.map((gate) => gate / sum);
  };
  const own = embedding === undefined ? [] : ([['embedding', embedding]] as const);
  return new Map([
    ['gate.residual', vector(residual)],
    ['gate.attention', vector(attention)],
    ['gate.inner', vector(inner)],
    ['closed.residual', vector(residual.map((gate) => 1 - gate))],
    ['closed.inner', vector(inner.map((gate) => 1 - gate))],
    ['statistics.residual', vector(shares(residual))],
    ...own.flatMap(([space, gates]): [string, Tensor][] => [
      [`gate.${space}`, vector(gates)],
      [`closed.${space}`, vector(gates.map((gate) => 1 - gate))],
      [`statistics.${space}`, vector(shares(gates))],
    ]),
    ['one', vector(Float32Array.of(1))],
  ]);
}

/** Shapes of the weights at sizes where the stream need not be heads x head size wide. */
export function gatedShapes(config: BertConfig, sizes: Spaces, tied: boolean): Map<string, Shape> {
  const widths: Readonly<Record<AxisSpace, number>> = {
    residual: sizes.residual,
    embedding: tableWidth(sizes),
    attention: sizes.heads * sizes.headSize,
    inner: sizes.inner,
  };
  const blueprint = blueprintAt(config, sizes);
  const decoder = blueprint.module('decoder').weight;
  const heights = spaceWidths(config);
  const shapes = new Map<string, Shape>();
  for (const [name, { rows, columns }] of axesOf(blueprint)) {
    const module = blueprint.owner(name);
    if (module === undefined || (tied && name === decoder)) continue;
    const height = rows === null ? heights[module.kind === 'table' ? module.reads : module.writes] : widths[rows];
    shapes.set(name, columns === null ? [height] : [height, widths[columns]]);
  }
  return shapes;
}

/** The modules of a model of as many layers. */
function blueprintAt(config: BertConfig, { layers }: Spaces): Blueprint {
  return blueprintOf({ ...config, layers });
}

function gatedShape(config: BertConfig, sizes: Spaces): EncoderShape {
  const { layers, heads, headSize } = sizes;
  return { ...encoderShape(config), blueprint: blueprintAt(config, sizes), layers, heads, headSize };
}

function decoderOf(config: BertConfig, tied: boolean): string {
  return blueprintOf(config).module(tied ? 'words' : 'decoder').weight;
}

/**
 * Readers' weights as they are read, by module: W + (W of closing columns, weighted by 1 - g) B. Added to the graph before any
 * micro-batch, so that all share them.
 */
function readerWeights(
  graph: Graph,
  blueprint: Blueprint,
  tied: boolean,
  parameter: ParameterLookup,
  gate: ParameterLookup,
): Map<string, Value> {
  const weights = new Map<string, Value>();
  for (const [name, { space, readers }] of rebuilds(blueprint, tied))
    for (const reader of readers) {
      const W = parameter(reader.weight);
      const [rows = 1, width = 1] = W.shape;
      const closing = matmul(graph, broadcast(graph, gate('one'), [rows, 1]), reshape(graph, gate(`closed.${space}`), [1, width]));
      weights.set(reader.key, matmul(graph, mul(graph, W, closing), gate(name), { addend: W }));
    }
  return weights;
}

/** Writes into a dimension, and LayerNorm's output there, are multiplied by its gate; statistics are weighted by it. */
function gatedOptions(
  graph: Graph,
  config: BertConfig,
  sizes: Spaces,
  tied: boolean,
  parameter: ParameterLookup,
  gate: ParameterLookup,
): EncoderOptions {
  const spread = new Map<string, Value>();
  const gated = (x: Value, name: string): Value => {
    const [rows = 1, width = 1] = x.shape;
    const key = `${name} ${rows}`;
    const everywhere = spread.get(key) ?? matmul(graph, broadcast(graph, gate('one'), [rows, 1]), reshape(graph, gate(name), [1, width]));
    spread.set(key, everywhere);
    return mul(graph, x, everywhere);
  };
  const blueprint = blueprintAt(config, sizes);
  const weights = readerWeights(graph, blueprint, tied, parameter, gate);
  /** Of vectors in the stream, or in the space of the tables. */
  const axis = (module: Module): AxisSpace => axisOf(blueprint, module.writes) ?? 'residual';
  return {
    written: (module, x) => {
      // Keys need no gate: queries have it. The FFN's inner space is gated where it is read, after the activation.
      if (module.role === 'key' || module.writes === 'ffn') return x;
      return gated(x, `gate.${axis(module)}`);
    },
    dense: (module, x) => {
      const weight = weights.get(module.key);
      if (weight === undefined) return undefined;
      const read = module.reads === 'ffn' ? gated(x, 'gate.inner') : x;
      return linear(graph, read, weight, module.bias === undefined ? undefined : parameter(module.bias));
    },
    norm: (module, x) =>
      weightedNorm(
        graph,
        x,
        mul(graph, parameter(module.weight), gate(`gate.${axis(module)}`)),
        mul(graph, shiftOf(graph, module, parameter, x.shape.at(-1) ?? 1), gate(`gate.${axis(module)}`)),
        gate(`statistics.${axis(module)}`),
        gate('one'),
        config.layerNormEps,
      ),
  };
}

/** Gates as states of the graph, by the names of {@link gateStates}, and the matrices that rebuild what they close. */
function gateLookup(
  graph: Graph,
  blueprint: Blueprint,
  sizes: Spaces,
  tied: boolean,
): { readonly shapes: Map<string, Shape>; readonly gate: ParameterLookup } {
  const ones = (length: number): Float32Array => new Float32Array(length).fill(1);
  const open = {
    residual: ones(sizes.residual),
    attention: ones(sizes.heads * sizes.headSize),
    inner: ones(sizes.inner),
    ...(sizes.embedding === undefined ? {} : { embedding: ones(sizes.embedding) }),
  };
  const shapes = new Map([...gateStates(open)].map(([name, { shape }]) => [name, shape]));
  for (const [name, { space }] of rebuilds(blueprint, tied))
    shapes.set(
      name,
      Array.from({ length: 2 }, () => (space === 'embedding' ? tableWidth(sizes) : sizes[space])),
    );
  return { shapes, gate: statesOf(graph, shapes) };
}

/** One step of the progressive mode on a model of these sizes: its own weights learn while gates close (docs/method.md section 5.3). */
export function progressiveTraining(
  config: BertConfig,
  sizes: Spaces,
  tied: boolean,
  shape: StepShape,
  weightDecay: number,
  parts = 1,
): TrainingGraph {
  const graph = new Graph();
  const trained = gatedShapes(config, sizes, tied);
  const { shapes, gate } = gateLookup(graph, blueprintAt(config, sizes), sizes, tied);
  const values = new Map([...trained].map(([name, dims]) => [name, graph.state(name, dims)]));
  const parameter = statesOf(graph, trained);
  const options = gatedOptions(graph, config, sizes, tied, parameter, gate);
  const batch = (part: number): PartLoss => {
    const model = laidModel(graph, gatedShape(config, sizes), parameter, decoderOf(config, tied), options);
    const { lossSum } = shape.task.part(graph, shape, part).model(model);
    return { lossSum, target: lossSum };
  };
  addOptimiser(
    graph,
    values,
    Array.from({ length: parts }, (_, part) => () => batch(part)),
    decayOf(weightDecay, blueprintAt(config, sizes)),
  );
  return { graph, blueprint: blueprintAt(config, sizes), trained, frozen: shapes, rewritten: shapes };
}

/** The model of the progressive mode as it is, gates and all. @param tensors weights and the states of its gates */
export function progressiveRunnable(config: BertConfig, sizes: Spaces, tied: boolean, tensors: NamedTensors): Runnable {
  const trained = gatedShapes(config, sizes, tied);
  return {
    key: `progressive ${JSON.stringify([config, sizes, tied])}`,
    blueprint: blueprintAt(config, sizes),
    layers: sizes.layers,
    heads: sizes.heads,
    tensors,
    lay: (graph) => {
      const parameter = statesOf(graph, trained);
      const options = gatedOptions(graph, config, sizes, tied, parameter, gateLookup(graph, blueprintAt(config, sizes), sizes, tied).gate);
      return laidModel(graph, gatedShape(config, sizes), parameter, decoderOf(config, tied), options);
    },
  };
}
