import { expect, test } from 'vitest';
import { freshModel } from '../../src/models/freshModel.ts';
import { positionIds } from '../../src/models/inputs.ts';
import { encoderShape, parameterShapes, type BertModel } from '../../src/models/model.ts';
import { embeddingNames } from '../golden/names.ts';
import { ReferenceEngine } from '../../src/engines/reference/referenceEngine.ts';
import { Graph } from '../../src/graph/graph.ts';
import { plan } from '../../src/graph/plan.ts';
import { freshProjection, hiddenLoss } from '../../src/training/hiddenLoss.ts';
import { BATCH, SEQUENCE } from '../golden/batch.ts';
import { goldenBatch, goldenTeacher } from '../golden/load.ts';
import { maskedWords } from '../../src/tasks/maskedWords.ts';
import { laidModel } from '../../src/models/runnable.ts';

test('the hidden-state loss is the mean square over dimensions and layers, summed over predicted tokens', async () => {
  const teacher = goldenTeacher();
  const student: BertModel = freshModel({ ...teacher.config, hiddenSize: 16, layers: 2, intermediateSize: 24 }, 3);
  const layerMap = [0, 2];
  const batch = goldenBatch();
  const slots = batch.predicted + 2;
  const shape = { task: maskedWords, batch: BATCH, sequence: SEQUENCE, slots };
  const graph = new Graph();
  const part = maskedWords.part(graph, shape, 0);
  const encoderOf = ({ config }: BertModel, prefix: string) => {
    const states = new Map([...parameterShapes(config)].map(([name, dims]) => [name, graph.state(`${prefix}.${name}`, dims)]));
    const parameter = (name: string) => states.get(name) ?? graph.state(`${prefix}.missing.${name}`, [1]);
    return part.model(laidModel(graph, encoderShape(config), parameter, embeddingNames.word)).encoder;
  };
  const [ours, theirs] = [encoderOf(student, 'student'), encoderOf(teacher, 'teacher')];
  const projection = freshProjection(16, 32, 5);
  const P = graph.state('projection', projection.shape);
  graph.output('loss', hiddenLoss(graph, ours, theirs, part.positions, layerMap, P));
  graph.output('student.0', ours.layers[1]?.read ?? ours.hidden);
  graph.output('student.1', ours.hidden);
  graph.output('teacher.0', theirs.layers[1]?.read ?? theirs.hidden);
  graph.output('teacher.1', theirs.hidden);

  const program = new ReferenceEngine().compileReference(plan(graph));
  for (const [prefix, model] of [
    ['student', student],
    ['teacher', teacher],
  ] as const)
    for (const [name, tensor] of model.tensors) if (graph.states.has(`${prefix}.${name}`)) program.write(`${prefix}.${name}`, tensor.data);
  program.write('projection', projection.data);
  program.write('inputIds', batch.inputIds);
  program.write('typeIds', batch.typeIds);
  program.write('positionIds', positionIds(shape));
  program.write('keyRanges', batch.keyRanges);
  // Two slots stay unused.
  program.write('positions', Int32Array.of(...batch.positions, -1, -1));
  program.write('labels', Int32Array.of(...batch.labels, -1, -1));
  await program.run();

  let wanted = 0;
  for (const layer of [0, 1]) {
    const [mine, aim] = [program.readExact(`student.${layer}`), program.readExact(`teacher.${layer}`)];
    for (const at of batch.positions)
      for (let j = 0; j < 32; j++) {
        let projected = 0;
        for (let k = 0; k < 16; k++) projected += (mine[at * 16 + k] ?? 0) * (projection.data[k * 32 + j] ?? 0);
        wanted += (projected - (aim[at * 32 + j] ?? 0)) ** 2 / 32 / 2;
      }
  }
  expect(wanted).toBeGreaterThan(1);
  expect(program.readExact('loss')[0] ?? 0).toBeCloseTo(wanted, 8);
});
