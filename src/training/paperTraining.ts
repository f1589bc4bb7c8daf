import type { BertConfig } from '../models/config.ts';
import { shiftOf, type EncoderOptions, type ParameterLookup } from '../models/encoder.ts';
import { blueprintOf } from '../models/blueprint.ts';
import { laidAs, type Runnable } from '../models/runnable.ts';
import type { StepShape } from '../tasks/task.ts';
import { Graph } from '../graph/graph.ts';
import { assign, broadcast, mul, scale, scaleBy } from '../graph/ops/elementwise.ts';
import { add } from '../graph/ops/layout.ts';
import { matmul } from '../graph/ops/matmul.ts';
import { reshape } from '../graph/ops/view.ts';
import { weightedNorm } from '../graph/ops/weightedNorm.ts';
import type { Value } from '../graph/value.ts';
import type { Shape } from '../tensor/shape.ts';
import type { NamedTensors, Tensor } from '../tensor/tensor.ts';
import { compactorShapes } from '../wid/compactors.ts';
import { maskedSides, namedMasks, type MaskedSide } from '../wid/paper/spaceOf.ts';
import { nothingMasked, squareTable, type PaperMasks } from '../wid/paper/masks.ts';
import type { PaperSettings } from '../wid/paper/settings.ts';
import { studentConfig, type SpaceTable } from '../wid/spaces.ts';
import { addOptimiser, decayOf, type PartLoss, type Update } from './optimiserNodes.ts';
import { frozenName } from './teacherStates.ts';
import { mergedParameters, type TrainingGraph } from './trainingGraph.ts';
import type { OptimiserSettings } from './trainer.ts';

/** AdamW as released: no bias correction, no clipping. */
export const PAPER_OPTIMISER: OptimiserSettings = {
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-6,
  clipNorm: 3e38,
  biasCorrection: false,
};

/**
 * The states that mask events rewrite, by name: `mask.S` and `dropped.S` = 1 - mask of every space, the weights of the
 * LayerNorm statistics, the plain L2 penalty (1 until the first event) and what is left of first moments (1, then beta1).
 */
export function maskStates(masks: PaperMasks, started: boolean): Map<string, Tensor> {
  const states = new Map<string, Tensor>();
  const vector = (name: string, values: Float32Array): void => void states.set(name, { shape: [values.length], data: values });
  for (const [space, mask] of namedMasks(masks)) {
    vector(`mask.${space}`, Float32Array.from(mask));
    vector(
      `dropped.${space}`,
      Float32Array.from(mask, (kept) => 1 - kept),
    );
  }
  for (const space of ['residual', 'embedding', 'mlm'] as const) {
    const mask = masks[space];
    if (mask === undefined) continue;
    const kept = mask.reduce((sum, x) => sum + x, 0);
    vector(
      `statistics.${space}`,
      Float32Array.from(mask, (x) => x / kept),
    );
  }
  vector('plainPenalty', Float32Array.of(started ? 0 : 1));
  vector('momentLeft', Float32Array.of(started ? PAPER_OPTIMISER.beta1 : 1));
  vector('one', Float32Array.of(1));
  return states;
}

/** The inserted form, merged: square compactors, LayerNorm statistics over unmasked dimensions alone. */
function paperOptions(graph: Graph, config: BertConfig, parameter: ParameterLookup, state: ParameterLookup): EncoderOptions {
  return {
    norm: (module, x) =>
      weightedNorm(
        graph,
        x,
        parameter(module.weight),
        shiftOf(graph, module, parameter, x.shape.at(-1) ?? 1),
        state(`statistics.${module.writes}`),
        state('one'),
        config.layerNormEps,
      ),
  };
}

interface PaperModel {
  readonly parameter: ParameterLookup;
  readonly options: EncoderOptions;
  readonly config: BertConfig;
  readonly trained: ReadonlyMap<string, Value>;
  readonly frozen: ReadonlyMap<string, Value>;
  readonly masks: ReadonlyMap<string, Value>;
}

/** The model of paper mode as a graph, for training and for judging it as it is. */
function paperModel(graph: Graph, teacher: BertConfig, table: SpaceTable): PaperModel {
  const square = squareTable(table);
  const { parameter, trained, frozen } = mergedParameters(graph, teacher, square);
  const config = studentConfig(teacher, square);
  const masks = new Map([...maskStates(nothingMasked(table), false)].map(([name, { shape }]) => [name, graph.state(name, shape)]));
  const state = (name: string): Value => masks.get(name) ?? graph.state(name, [1]);
  return { parameter, options: paperOptions(graph, config, parameter, state), config, trained, frozen, masks };
}

/** Paper mode's model as it is trained: inserted compactors, masked dimensions still there. */
export function paperRunnable(teacher: BertConfig, table: SpaceTable, tensors: NamedTensors): Runnable {
  const config = studentConfig(teacher, squareTable(table));
  return {
    key: `paper ${JSON.stringify([teacher, table])}`,
    blueprint: blueprintOf(config),
    layers: config.layers,
    heads: config.heads,
    tensors,
    lay: (graph) => {
      const { parameter, options } = paperModel(graph, teacher, table);
      return laidAs(graph, config, parameter, options);
    },
  };
}

/**
 * One step of paper mode (docs/method.md section 6), at the teacher's size: W' = R W L with square compactors, which gives the
 * gradients of the inserted form. Masked rows of R and columns of L, and biases, gains and shifts of masked dimensions,
 * get the penalty gradient in the place of the task's.
 */
export function paperTraining(teacher: BertConfig, table: SpaceTable, shape: StepShape, settings: PaperSettings, parts = 1): TrainingGraph {
  const graph = new Graph();
  const { parameter, options, config, trained, frozen, masks } = paperModel(graph, teacher, table);
  const ratio = settings.weightLearningRate / settings.compactorLearningRate;
  const theirs = new Map([...frozen].map(([name, value]) => [frozenName(name), value]));
  const compactors = compactorShapes(squareTable(table));
  const isCompactor = (name: string): boolean => compactors.has(name);
  const all = new Map([...trained, ...theirs]);
  const learned = new Map([...all].filter(([name]) => ratio > 0 || isCompactor(name)));
  const sides = maskedSides(table);
  const change = (update: Update): Value => {
    const side = sides.get(update.name);
    return side === undefined ? update.gradient : penalised(graph, update, side, masks, settings.penalty, isCompactor(update.name));
  };
  const batch = (part: number): PartLoss => {
    const { lossSum } = shape.task.part(graph, shape, part).model(laidAs(graph, config, parameter, options));
    return { lossSum, target: lossSum };
  };
  addOptimiser(
    graph,
    learned,
    Array.from({ length: parts }, (_, part) => () => batch(part)),
    (name) =>
      isCompactor(name)
        ? { rate: 1, decay: settings.weightDecay }
        : { rate: ratio, decay: decayOf(settings.weightDecay, blueprintOf(teacher))(name).decay },
    change,
  );
  const shapes = (values: Iterable<readonly [string, Value]>): Map<string, Shape> =>
    new Map([...values].map(([name, value]) => [name, value.shape]));
  const still = [...all].filter(([name]) => !learned.has(name));
  return {
    graph,
    blueprint: blueprintOf(teacher),
    trained: shapes(learned),
    frozen: shapes([...still, ...masks]),
    rewritten: shapes(masks),
  };
}

/** Spreads a vector of the masked side over a matrix, a block matrix or a vector. */
function spread(graph: Graph, vector: Value, shape: Shape, side: MaskedSide['side'], one: Value): Value {
  if (shape.length === 1) return vector;
  const [rows = 1, columns = 1] = shape.slice(-2);
  const blocks = shape.slice(0, -2);
  return side === 'rows'
    ? matmul(graph, reshape(graph, vector, [...blocks, rows, 1]), broadcast(graph, one, [...blocks, 1, columns]))
    : matmul(graph, broadcast(graph, one, [...blocks, rows, 1]), reshape(graph, vector, [...blocks, 1, columns]));
}

function penalised(
  graph: Graph,
  { parameter, gradient, firstMoment }: Update,
  { space, side }: MaskedSide,
  masks: ReadonlyMap<string, Value>,
  penalty: number,
  compactor: boolean,
): Value {
  const state = (name: string): Value => masks.get(name) ?? graph.state(name, [1]);
  const everywhere = (name: string): Value => spread(graph, state(name), parameter.shape, side, state('one'));
  const dropped = mul(graph, everywhere(`dropped.${space}`), parameter);
  // A penalty above 1 would fill the second moment too, and Adam would divide it away: the rest goes into the first alone.
  // It is written before adamw looks at the norm's flag: after numbers that are not finite the weights are as they were,
  // these moments are not, and the run ends.
  if (penalty > 1) {
    const { beta1 } = PAPER_OPTIMISER;
    const left = scaleBy(graph, firstMoment, state('momentLeft'));
    assign(graph, firstMoment, add(graph, left, scale(graph, dropped, (1 - beta1) * (penalty - 1))));
  }
  const kept = add(graph, mul(graph, everywhere(`mask.${space}`), gradient), scale(graph, dropped, Math.min(penalty, 1)));
  return compactor ? add(graph, kept, scaleBy(graph, parameter, state('plainPenalty'))) : kept;
}
