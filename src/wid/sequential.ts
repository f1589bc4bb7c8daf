import { blueprintOf, type Role } from '../models/blueprint.ts';
import { writeEmbedded, writeSegments } from '../models/inputs.ts';
import type { BertModel } from '../models/model.ts';
import type { Engine, Program } from '../engines/engine.ts';
import type { Graph } from '../graph/graph.ts';
import { plan } from '../graph/plan.ts';
import { plainAlgebra, type Algebra } from '../tensor/algebra.ts';
import type { NamedTensors } from '../tensor/tensor.ts';
import { asTensor, type Calibration } from './calibrate.ts';
import { compactorName, hasOwnDecoder } from './compactors.ts';
import { crossLeastSquares, CrossProbe, type CrossMoments } from './crossMoments.ts';
import {
  embeddingGraph,
  headGraph,
  layerGraph,
  normalised,
  normGraph,
  projectionSite,
  run,
  studentLayerParameters,
  studentShape,
  teacherLayerParameters,
  teacherShape,
  templateOf,
  writeEmbeddings,
  writeHead,
  writeStudentLayer,
  writeTeacherLayer,
  type Given,
} from './layerProbes.ts';
import type { CalibrationBatch, CalibrationProgress } from './moments.ts';
import { tableWidth, type SpaceTable } from './spaces.ts';

/**
 * Sequential calibration (docs/method.md section 4, the default): layer by layer, every column compactor that reads the
 * stream is solved again against what the student built so far really sees, L = C_ts C_ss^-1.
 *
 * Teacher and student advance one layer at a time side by side; what is kept is one layer's stream of both,
 * tokens x (d + d') x 4 bytes, so the cost is one pass of the teacher and two of the student whatever the depth.
 *
 * @param onePass where it starts; its head factors, FFN selections and FFN outputs stay
 * @param teacherTensors the teacher after whole heads were left out
 * @param norms the student's LayerNorms by their names
 * @param progress hears of every batch of every pass
 */
export async function calibrateSequentially(
  engine: Engine,
  teacher: BertModel,
  teacherTensors: NamedTensors,
  table: SpaceTable,
  onePass: Calibration,
  norms: NamedTensors,
  size: { readonly batch: number; readonly sequence: number },
  batches: readonly CalibrationBatch[],
  progress: CalibrationProgress,
  algebra: Algebra = plainAlgebra,
): Promise<Calibration> {
  const compactors = new Map(onePass.compactors);
  const given: Given = { engine, teacher, teacherTensors, table, compactors, norms, size };
  const refit = (name: string, moments: CrossMoments): void => void compactors.set(name, asTensor(crossLeastSquares(algebra, moments)));
  const total = passes(table) * batches.length;
  let done = 0;
  const advance = (): Promise<void> | void => progress(++done, total);

  const cross = await CrossProbe.create(engine, table.teacher.residual, table.student.residual, size.batch * size.sequence);
  const probes = [cross];
  /** What the decoder reads, and a projection, may be of another width than the stream. */
  const tableProbe = async (): Promise<CrossProbe> => {
    const [theirs, ours] = [tableWidth(table.teacher), tableWidth(table.student)];
    if (table.teacher.embedding === undefined) return cross;
    const probe = await CrossProbe.create(engine, theirs, ours, size.batch * size.sequence);
    probes.push(probe);
    return probe;
  };
  const programs: Program[] = [];
  const compile = async (graph: Graph): Promise<Program> => {
    const program = await engine.compile(plan(graph, engine.planOptions));
    programs.push(program);
    return program;
  };
  try {
    const embedding = await compile(embeddingGraph(given));
    if (projectionSite(table) !== undefined)
      refit(compactorName('embeddingProjection', null, 'L'), await tablesOfBoth(given, batches, embedding, await tableProbe(), advance));
    const streams = await embedBoth(given, batches, embedding, advance);
    const shapes = { teacher: teacherShape(given), student: studentShape(given) };
    const theirLayers = new Map<number, Program>();
    const ourLayers = new Map<number, Program>();
    const programOf = async (known: Map<number, Program>, template: number, graph: () => Graph): Promise<Program> => {
      const program = known.get(template) ?? (await compile(graph()));
      known.set(template, program);
      return program;
    };
    const theirLayer = (layer: number): Promise<Program> => {
      const template = templateOf(shapes.teacher, layer);
      return programOf(theirLayers, template, () => layerGraph(shapes.teacher, teacherLayerParameters(given), size, template));
    };
    const ourLayer = (layer: number): Promise<Program> => {
      const template = templateOf(shapes.student, layer);
      return programOf(ourLayers, template, () => layerGraph(shapes.student, studentLayerParameters(given, template), size, template));
    };
    const { blueprint } = shapes.student;
    const streamNorms = blueprint.normsFirst
      ? {
          theirs: await compile(normGraph(shapes.teacher, size, table.teacher.residual)),
          ours: await compile(normGraph(shapes.student, size, table.student.residual)),
        }
      : undefined;
    /** Streams as they are read: normalised, where norms stand first. */
    const readStreams = async (role: Role, from: number | null, layer: number | null, i: number): Promise<[Float32Array, Float32Array]> =>
      streamNorms === undefined
        ? [streams.teacher(i), streams.student(i)]
        : [
            await normalised(streamNorms.theirs, teacher.tensors, shapes.teacher.blueprint.find(role, from), streams.teacher(i)),
            await normalised(streamNorms.ours, given.norms, blueprint.find(role, layer), streams.student(i)),
          ];
    let reached = 0;
    for (const [layer, from] of table.layerMap.entries()) {
      for (; reached < from; reached++) await advanceTeacher(given, await theirLayer(reached), reached, batches, streams, advance);
      const read = cross.empty();
      for (const [i, batch] of batches.entries()) {
        await cross.add(read, ...(await readStreams('attentionNorm', from, layer, i)), batch.attention);
        await advance();
      }
      for (const role of ['query', 'key', 'value'] as const) refit(compactorName(role, layer, 'L'), read);

      const [theirs, ours] = [await theirLayer(from), await ourLayer(layer)];

      writeTeacherLayer(given, theirs, from);
      writeStudentLayer(given, ours, layer);
      const attention = cross.empty();
      for (const [i, batch] of batches.entries()) {
        await run(theirs, given.size, streams.teacher(i), batch);
        await run(ours, given.size, streams.student(i), batch);
        await cross.add(attention, await theirs.read('attentionOutput'), await ours.read('attentionOutput'), batch.attention);
        streams.setTeacher(i, await theirs.read('hidden'));
        await advance();
      }
      reached = from + 1;
      for (const role of ['expansion', 'gate'] as const)
        if (blueprint.find(role, layer) !== undefined) refit(compactorName(role, layer, 'L'), attention);
      writeStudentLayer(given, ours, layer);
      for (const [i, batch] of batches.entries()) {
        await run(ours, given.size, streams.student(i), batch);
        streams.setStudent(i, await ours.read('hidden'));
        await advance();
      }
    }
    // The map need not end at the last layer; what the transform reads is the teacher's own end.
    for (; reached < table.teacher.layers; reached++)
      await advanceTeacher(given, await theirLayer(reached), reached, batches, streams, advance);
    if (hasTransform(table)) {
      const final = cross.empty();
      for (const [i, batch] of batches.entries()) {
        await cross.add(final, ...(await readStreams('finalNorm', null, null, i)), batch.attention);
        await advance();
      }
      refit(compactorName('transform', null, 'L'), final);
    }
    if (hasOwnDecoder(table)) {
      const head = await compile(headGraph(given));
      writeHead(given, head);
      const probe = await tableProbe();
      const decoder = probe.empty();
      for (const [i, batch] of batches.entries()) {
        const [theirs, ours] = await readStreams('finalNorm', null, null, i);
        head.write('teacher', theirs);
        head.write('student', ours);
        await head.run();
        await probe.add(decoder, await head.read('theirs'), await head.read('ours'), batch.attention);
        await advance();
      }
      refit(compactorName('decoder', null, 'L'), decoder);
    }
    return { ...onePass, compactors };
  } finally {
    for (const program of programs) program.dispose();
    for (const probe of probes) probe.dispose();
  }
}

/** Passes over the batches: embeddings, their tables if they are projected, three a student layer, one a teacher layer that is left out, final and decoder's read. */
function passes(table: SpaceTable): number {
  const { layerMap, teacher } = table;
  let left = 0;
  let reached = 0;
  for (const from of layerMap) {
    left += Math.max(0, from - reached);
    reached = from + 1;
  }
  const head = (hasTransform(table) ? 1 : 0) + (hasOwnDecoder(table) ? 1 : 0);
  return (teacher.embedding === undefined ? 1 : 2) + 3 * layerMap.length + left + (teacher.layers - reached) + head;
}

function hasTransform({ teacher }: SpaceTable): boolean {
  return blueprintOf(teacher).find('transform') !== undefined;
}

/** One layer's stream of teacher and student, batch by batch, row-major [N, d] and [N, d']. */
class Streams {
  readonly #teacher: Float32Array[] = [];
  readonly #student: Float32Array[] = [];

  teacher(batch: number): Float32Array {
    return this.#teacher[batch] ?? new Float32Array();
  }

  student(batch: number): Float32Array {
    return this.#student[batch] ?? new Float32Array();
  }

  setTeacher(batch: number, stream: Float32Array): void {
    this.#teacher[batch] = stream;
  }

  setStudent(batch: number, stream: Float32Array): void {
    this.#student[batch] = stream;
  }
}

async function advanceTeacher(
  given: Given,
  program: Program,
  layer: number,
  batches: readonly CalibrationBatch[],
  streams: Streams,
  advance: () => Promise<void> | void,
): Promise<void> {
  writeTeacherLayer(given, program, layer);
  for (const [i, batch] of batches.entries()) {
    await run(program, given.size, streams.teacher(i), batch);
    streams.setTeacher(i, await program.read('hidden'));
    await advance();
  }
}

/** Cross moments of what both projections read. */
async function tablesOfBoth(
  given: Given,
  batches: readonly CalibrationBatch[],
  program: Program,
  probe: CrossProbe,
  advance: () => Promise<void> | void,
): Promise<CrossMoments> {
  writeEmbeddings(given, program);
  const blueprint = blueprintOf(given.teacher.config);
  const moments = probe.empty();
  for (const batch of batches) {
    writeEmbedded(program, blueprint, given.size, batch);
    writeSegments(program, blueprint, batch.typeIds);
    await program.run();
    await probe.add(moments, await program.read('theirs.tables'), await program.read('ours.tables'), batch.attention);
    await advance();
  }
  return moments;
}

async function embedBoth(
  given: Given,
  batches: readonly CalibrationBatch[],
  program: Program,
  advance: () => Promise<void> | void,
): Promise<Streams> {
  writeEmbeddings(given, program);
  const blueprint = blueprintOf(given.teacher.config);
  const streams = new Streams();
  for (const [i, batch] of batches.entries()) {
    writeEmbedded(program, blueprint, given.size, batch);
    writeSegments(program, blueprint, batch.typeIds);
    await program.run();
    streams.setTeacher(i, await program.read('theirs'));
    streams.setStudent(i, await program.read('ours'));
    await advance();
  }
  return streams;
}
