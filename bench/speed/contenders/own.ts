import { NO_NORM_LIMIT } from '../../../src/graph/operation.ts';
import { freshModel } from '../../../src/models/freshModel.ts';
import { encoderInputs, keyRanges, positionIds } from '../../../src/models/inputs.ts';
import type { BertConfig } from '../../../src/models/config.ts';
import { bertEncoder, mlmHead } from '../../../src/models/encoder.ts';
import { decoderName, encoderShape, parameterShapes } from '../../../src/models/model.ts';
import type { Engine, Program } from '../../../src/engines/engine.ts';
import { Graph } from '../../../src/graph/graph.ts';
import { matmul } from '../../../src/graph/ops/matmul.ts';
import { gatherRows } from '../../../src/graph/ops/rows.ts';
import { plan } from '../../../src/graph/plan.ts';
import type { Value } from '../../../src/graph/value.ts';
import { weightTraining } from '../../../src/training/trainingGraph.ts';
import type { Contender, Job } from '../contender.ts';
import {
  BATCH,
  batchOf,
  BERT,
  COMPARED_ROWS,
  COMPARED_STEPS,
  LEARNING_RATE,
  randomMatrix,
  WEIGHT_DECAY,
  WEIGHTS_SEED,
  type BatchedGemm,
  type BatchSize,
  type Gemm,
  type Problem,
} from '../problems.ts';
import { maskedWords } from '../../../src/tasks/maskedWords.ts';

/** Any engine of ours. */
export function ownContender(engine: Engine): Contender {
  return {
    detail: engine.describe().detail,
    prepare(problem: Problem): Promise<Job | null> {
      if (problem.kind === 'fma') return Promise.resolve(null);
      if (problem.kind === 'gemm' || problem.kind === 'batched') return product(engine, problem);
      return problem.kind === 'forward' ? forward(engine) : trainingStep(engine, BATCH);
    },
  };
}

/** Reading a single number waits for everything that was submitted before. */
function job(program: Program, settle: string, output: () => Promise<ArrayLike<number>>): Job {
  return {
    async run(times) {
      for (let i = 0; i < times; i++) await program.run();
      await program.read(settle);
    },
    output,
    dispose: () => program.dispose(),
  };
}

async function product(engine: Engine, problem: Gemm | BatchedGemm): Promise<Job> {
  const { m, k, n } = problem;
  const batch = problem.kind === 'batched' ? [problem.batch] : [];
  const graph = new Graph();
  graph.input('mark', [1]);
  graph.output('c', matmul(graph, graph.input('a', [...batch, m, k]), graph.input('b', [...batch, k, n])));
  const program = await engine.compile(plan(graph, engine.planOptions));
  program.write('a', randomMatrix((batch[0] ?? 1) * m, k, 1));
  program.write('b', randomMatrix((batch[0] ?? 1) * k, n, 2));
  return job(program, 'mark', async () => {
    await program.run();
    return program.read('c');
  });
}

function writeBatch(program: Program, size: BatchSize, withLabels: boolean): void {
  const { ids, positions, labels } = batchOf(size);
  program.write('inputIds', ids);
  program.write('positionIds', positionIds(size));
  program.write('typeIds', new Int32Array(ids.length));
  program.write('keyRanges', keyRanges({ attention: new Uint8Array(ids.length).fill(1) }, size.sequence));
  if (!withLabels) return;
  program.write('positions', positions);
  program.write('labels', labels);
}

async function forward(engine: Engine): Promise<Job> {
  const graph = new Graph();
  const values = new Map<string, Value>([...parameterShapes(BERT)].map(([name, shape]) => [name, graph.state(name, shape)]));
  const parameter = (name: string): Value => values.get(name) ?? graph.state(name, [1]);
  const shape = encoderShape(BERT);
  const { hidden } = bertEncoder(graph, shape, parameter, encoderInputs(graph, BATCH));
  const { logits } = mlmHead(graph, shape, parameter, hidden, parameter(decoderName(BERT)));
  graph.output('logits', logits);
  // A few rows, so that comparing does not move 64 MiB.
  graph.output('compared', gatherRows(graph, logits, graph.input('rows', [COMPARED_ROWS.length], 'i32')));
  graph.input('mark', [1]);
  const program = await engine.compile(plan(graph, engine.planOptions));
  for (const [name, { data }] of freshModel(BERT, WEIGHTS_SEED).tensors) program.write(name, Float32Array.from(data));
  writeBatch(program, BATCH, false);
  program.write('rows', Int32Array.from(COMPARED_ROWS));
  return job(program, 'mark', async () => {
    await program.run();
    return program.read('compared');
  });
}

/** The training step's graph, and what writes fresh weights and the batch. @param config of a model that knows the batch's ids */
export function prepareStep(size: BatchSize, config: BertConfig = BERT): { graph: Graph; fill: (program: Program) => void } {
  const { graph } = weightTraining(config, { task: maskedWords, ...size }, WEIGHT_DECAY);
  const fill = (program: Program): void => {
    for (const [name, { data }] of freshModel(config, WEIGHTS_SEED).tensors) {
      program.write(name, Float32Array.from(data));
      for (const moment of ['first', 'second']) program.write(`${moment}.${name}`, new Float32Array(data.length));
    }
    writeBatch(program, size, true);
    program.write('lossWeight', Float32Array.of(1 / size.slots));
    program.write('settings', settings(1));
  };
  return { graph, fill };
}

/** In the order of ADAMW_SETTINGS. @param step from 1 */
function settings(step: number): Float32Array {
  return Float32Array.of(LEARNING_RATE, 0.9, 0.999, 1e-8, 1 - 0.9 ** step, 1 - 0.999 ** step, 1, NO_NORM_LIMIT);
}

/** @param size a smaller batch than the measured one, for the reference engine */
export async function trainingStep(engine: Engine, size: BatchSize): Promise<Job> {
  const { graph, fill } = prepareStep(size);
  const program = await engine.compile(plan(graph, engine.planOptions));
  return job(program, 'loss', async () => {
    fill(program);
    const losses: number[] = [];
    for (let step = 1; step <= COMPARED_STEPS; step++) {
      program.write('settings', settings(step));
      await program.run();
      losses.push((await program.read('loss'))[0] ?? Number.NaN);
    }
    return losses;
  });
}
