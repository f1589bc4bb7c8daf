// What float16 storage of frozen weights saves and costs: `node --import tsx bench/halfStorage.ts`, on an adapter with
// shader-f16 (docs/decisions/half-storage.md).
import { keyRanges, positionIds } from '../src/models/inputs.ts';
import { plainRunnable } from '../src/models/runnable.ts';
import type { BertConfig } from '../src/models/config.ts';
import type { BertModel } from '../src/models/model.ts';
import { DEMO_TEACHER, filesOf } from '../src/cli/files.ts';
import type { Engine } from '../src/engines/engine.ts';
import { ReferenceEngine } from '../src/engines/reference/referenceEngine.ts';
import { halvesOf } from '../src/engines/webgpu/halves.ts';
import { WebGpuEngine } from '../src/engines/webgpu/webgpuEngine.ts';
import { Graph } from '../src/graph/graph.ts';
import { matmul } from '../src/graph/ops/matmul.ts';
import { plan } from '../src/graph/plan.ts';
import { placeInSlabs } from '../src/engines/webgpu/slabs.ts';
import { readTeacher } from '../src/studio/teacher/teacher.ts';
import { sizeInWords } from '../src/tensor/bytes.ts';
import { Random } from '../src/tensor/random.ts';
import { distillationTraining } from '../src/training/trainingGraph.ts';
import { maskedWords } from '../src/tasks/maskedWords.ts';
import type { StepShape } from '../src/tasks/task.ts';

const STORAGES = ['float32', 'float16'] as const;
const ROUNDS = 20;

const { model } = await readTeacher('demo', filesOf(DEMO_TEACHER));
memory('the demo teacher, a student of half its width', model.config, { task: maskedWords, batch: 32, sequence: 128, slots: 608 });
const base = { ...model.config, hiddenSize: 768, heads: 12, intermediateSize: 3072, vocabSize: 30_522, maxPositions: 512, layers: 12 };
memory('BERT-base, a student of half its width', base, { task: maskedWords, batch: 8, sequence: 128, slots: 152 });
for (const [m, k, n] of [
  [1024, 768, 768],
  [128, 768, 3072],
] as const)
  await product(m, k, n);
await logits('demo teacher, which its file holds in halves', model);
await logits('demo teacher, its weights changed by up to a thousandth', disturbed(model));

/** Bytes of a distillation step's plan, before anything is allocated. */
function memory(name: string, teacher: BertConfig, shape: StepShape): void {
  const student = {
    ...teacher,
    hiddenSize: teacher.hiddenSize / 2,
    heads: teacher.heads / 2,
    intermediateSize: teacher.intermediateSize / 2,
  };
  const layerMap = Array.from({ length: student.layers }, (_, layer) => layer);
  const { graph } = distillationTraining(teacher, student, shape, 0, { temperature: 2, share: 0.5, hidden: 0, layerMap });
  const planned = plan(graph, { alignment: 256, inPlace: false });
  const place = (halves: ReadonlySet<number>): number => placeInSlabs(planned, { slabBytes: 2 ** 31 - 256, alignment: 256, halves }).bytes;
  const [whole, halved] = [place(new Set()), place(halvesOf(planned))];
  console.log(`${name}, ${shape.batch} x ${shape.sequence} tokens: ${sizeInWords(whole)} in float32, ${sizeInWords(halved)} with halves`);
}

/** A product with frozen weights as its second operand, by the kernels that are taken unmeasured; both storages in turn. */
async function product(m: number, k: number, n: number): Promise<void> {
  const contenders = await Promise.all(
    STORAGES.map(async (storage) => {
      const engine = await WebGpuEngine.create({ storage });
      const graph = new Graph();
      graph.output('c', matmul(graph, graph.input('a', [m, k]), graph.frozen('b', [k, n])));
      graph.input('mark', [1]);
      const program = await engine.compile(plan(graph, engine.planOptions));
      const random = new Random(1);
      program.write(
        'a',
        Float32Array.from({ length: m * k }, () => random.normal()),
      );
      program.write(
        'b',
        Float32Array.from({ length: k * n }, () => random.normal()),
      );
      return { storage, engine, program, best: Infinity };
    }),
  );
  for (let round = 0; round <= ROUNDS; round++)
    for (const contender of contenders) {
      const started = performance.now();
      await contender.program.run();
      await contender.program.read('mark');
      // The first compiles to the end.
      if (round > 0) contender.best = Math.min(contender.best, performance.now() - started);
    }
  for (const { storage, engine, best } of contenders) {
    const rate = ((2 * m * k * n) / best / 1e6).toFixed(2);
    console.log(`${m} x ${k} x ${n}, ${storage}: ${rate} GFLOP/s, best of ${ROUNDS} (${engine.describe().detail})`);
    engine.dispose();
  }
}

/** The same model with weights that are not halves. */
function disturbed({ config, tensors }: BertModel): BertModel {
  const random = new Random(3);
  const changed = [...tensors].map(
    ([name, { shape, data }]) => [name, { shape, data: data.map((x) => x * (1 + 1e-3 * (2 * random.uniform() - 1))) }] as const,
  );
  return { config, tensors: new Map(changed) };
}

/** A model's logits and loss under both storages, against float64. */
async function logits(name: string, model: BertModel): Promise<void> {
  const shape: StepShape = { task: maskedWords, batch: 4, sequence: 64, slots: 40 };
  const random = new Random(7);
  const ids = Int32Array.from({ length: shape.batch * shape.sequence }, () => random.integer(model.config.vocabSize));
  const positions = Int32Array.from({ length: shape.slots }, (_, i) => (i * 61) % ids.length);
  const labels = positions.map((position) => ids[position] ?? 0);
  const answer = async (engine: Engine): Promise<{ logits: Float32Array; loss: number }> => {
    const graph = new Graph();
    const answered = maskedWords.part(graph, shape, 0).model(plainRunnable(model).lay(graph));
    graph.output('rows', answered.rows);
    graph.output('logits', answered.answers);
    const program = await engine.compile(plan(graph, engine.planOptions));
    for (const name of graph.states.keys()) program.write(name, model.tensors.get(name)?.data ?? new Float32Array());
    program.write('inputIds', ids);
    program.write('positionIds', positionIds(shape));
    program.write('typeIds', new Int32Array(ids.length));
    program.write('keyRanges', keyRanges({ attention: new Uint8Array(ids.length).fill(1) }, shape.sequence));
    program.write('positions', positions);
    program.write('labels', labels);
    await program.run();
    const rows = await program.read('rows');
    const found = { logits: await program.read('logits'), loss: rows.reduce((sum, row) => sum + row, 0) / rows.length };
    program.dispose();
    engine.dispose();
    return found;
  };
  const truth = await answer(new ReferenceEngine());
  for (const storage of STORAGES) {
    const got = await answer(await WebGpuEngine.create({ storage }));
    const worst = got.logits.reduce((most, x, i) => Math.max(most, Math.abs(x - (truth.logits[i] ?? Number.NaN))), 0);
    console.log(
      `${name}, ${storage}: logits off by ${worst.toExponential(1)} at most, loss ${got.loss.toFixed(6)} (float64: ${truth.loss.toFixed(6)})`,
    );
  }
}
