import {
  bertEmbeddings,
  bertLayer,
  mlmTransform,
  type EncoderOptions,
  type EncoderShape,
  type ParameterLookup,
} from '../models/encoder.ts';
import { encoderInputs, keyRangesInput, positionIds, writeKeys, type BatchSize } from '../models/inputs.ts';
import { encoderShape, parameterShapes, type BertModel } from '../models/model.ts';
import { blueprintOf, parameterNames, parameterPairs, type Blueprint, type Module } from '../models/blueprint.ts';
import type { Engine, Program } from '../engines/engine.ts';
import { Graph } from '../graph/graph.ts';
import { layerNorm } from '../graph/ops/layerNorm.ts';
import { linear } from '../graph/ops/matmul.ts';
import type { Value } from '../graph/value.ts';
import type { Shape } from '../tensor/shape.ts';
import { StudioError } from '../tensor/studioError.ts';
import type { NamedTensors, Tensor } from '../tensor/tensor.ts';
import { compactorName, compactorShapes, EMBEDDINGS, linearSites, type Site } from './compactors.ts';
import { mergeSite } from './merge.ts';
import type { CalibrationBatch } from './moments.ts';
import { studentConfig, tableWidth, type SpaceTable } from './spaces.ts';

/** What the probes of sequential calibration share; `compactors` change as they are solved. */
export interface Given {
  readonly engine: Engine;
  readonly teacher: BertModel;
  readonly teacherTensors: NamedTensors;
  readonly table: SpaceTable;
  readonly compactors: Map<string, Tensor>;
  readonly norms: NamedTensors;
  readonly size: BatchSize;
}

function need(tensors: NamedTensors, name: string): Tensor {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new StudioError('calibration', `calibration: there is no tensor ${name}.`);
  return tensor;
}

/** Declares states as they are asked for, so that a program holds only what it reads. */
function states(graph: Graph, shapeOf: (name: string) => Shape | undefined, prefix = ''): ParameterLookup {
  const made = new Map<string, Value>();
  return (name) => {
    const known = made.get(name);
    if (known !== undefined) return known;
    const shape = shapeOf(name);
    if (shape === undefined) throw new StudioError('calibration', `calibration: there is no parameter ${name}.`);
    const value = graph.state(`${prefix}${name}`, shape);
    made.set(name, value);
    return value;
  };
}

export function teacherShape(given: Given): EncoderShape {
  return encoderShape(given.teacher.config);
}

export function studentShape(given: Given): EncoderShape {
  return encoderShape(studentConfig(given.teacher.config, given.table));
}

export function teacherLayerParameters(given: Given): (graph: Graph) => ParameterLookup {
  const shapes = parameterShapes(given.teacher.config);
  return (graph) => states(graph, (name) => shapes.get(name));
}

function sitesOf(table: SpaceTable, layer: number): Site[] {
  return linearSites(table).filter((site) => site.layer === layer);
}

/**
 * The first layer that runs as this one does: it has the same modules and attends as far. Layers' weights are written into a program
 * that was compiled for it, under its names.
 */
export function templateOf({ blueprint, rotary }: EncoderShape, layer: number): number {
  const form = (one: number): string => [...blueprint.layer(one).map(({ role }) => role), rotary?.local[one]].join(' ');
  let template = 0;
  while (template < layer && form(template) !== form(layer)) template++;
  return template;
}

/** @param template from {@link templateOf} */
export function studentLayerParameters(given: Given, template: number): (graph: Graph) => ParameterLookup {
  const { table } = given;
  return (graph) => {
    const sites = sitesOf(table, template);
    const teacherShapes = new Map<string, Shape>(
      sites.flatMap(({ theirs, output, input }): [string, Shape][] => [
        [theirs.weight, [output, input]],
        ...(theirs.bias === undefined ? [] : [[theirs.bias, [output]] satisfies [string, Shape]]),
      ]),
    );
    const shapes = compactorShapes(table);
    const theirs = states(graph, (name) => teacherShapes.get(name), 'teacher.');
    const compactor = states(graph, (name) => shapes.get(name));
    const merged = new Map<string, Value>();
    for (const site of sites) {
      const { weight, bias } = mergeSite(graph, site, theirs, compactor);
      merged.set(site.ours.weight, weight);
      if (bias !== undefined && site.ours.bias !== undefined) merged.set(site.ours.bias, bias);
    }
    // A layer's own norms are of the stream.
    const norms = states(graph, () => [table.student.residual]);
    return (name) => merged.get(name) ?? norms(name);
  };
}

/** @param template from {@link templateOf} */
export function layerGraph(shape: EncoderShape, parameters: (graph: Graph) => ParameterLookup, size: BatchSize, template: number): Graph {
  const graph = new Graph();
  const tokens = size.batch * size.sequence;
  const stream = graph.input('stream', [tokens, shape.heads * shape.headSize]);
  const inputs = { ...size, keyRanges: keyRangesInput(graph, size), positionIds: graph.input('positionIds', [tokens], 'i32') };
  const { hidden, trace } = bertLayer(graph, shape, parameters(graph), inputs, stream, template);
  graph.output('attentionOutput', trace.attentionOutput);
  graph.output('hidden', hidden);
  return graph;
}

export async function run(program: Program, size: BatchSize, stream: Float32Array, batch: CalibrationBatch): Promise<void> {
  program.write('stream', stream);
  program.write('positionIds', positionIds(size, 0, batch.documents));
  writeKeys(program, size, batch);
  await program.run();
}

/** Parameters of a layer and those of its template, pair by pair. */
function intoTemplate(
  blueprint: Blueprint,
  layer: number,
  template: number,
  kinds: readonly Module['kind'][] = ['linear', 'norm'],
): (readonly [string, string])[] {
  return blueprint
    .layer(layer)
    .filter(({ kind }) => kinds.includes(kind))
    .flatMap((module) => parameterPairs(module, blueprint.module(module.role, template)));
}

/** Layer weights are written under their template's names, into a program that was compiled once. */
export function writeTeacherLayer(given: Given, program: Program, layer: number): void {
  const shape = teacherShape(given);
  for (const [from, to] of intoTemplate(shape.blueprint, layer, templateOf(shape, layer)))
    program.write(to, need(given.teacher.tensors, from).data);
}

export function writeStudentLayer(given: Given, program: Program, layer: number): void {
  const shape = studentShape(given);
  const first = templateOf(shape, layer);
  const template = sitesOf(given.table, first);
  sitesOf(given.table, layer).forEach((site, i) => {
    const target = template[i];
    if (target === undefined) return;
    for (const [from, to] of parameterPairs(site.theirs, target.theirs))
      program.write(`teacher.${to}`, need(given.teacherTensors, from).data);
    for (const side of ['R', 'L']) program.write(`${target.site}.${side}`, need(given.compactors, `${site.site}.${side}`).data);
  });
  for (const [from, to] of intoTemplate(shape.blueprint, layer, first, ['norm'])) program.write(to, need(given.norms, from).data);
}

/** A norm of a stream: output `normal` [N, d] of input `stream`, by whatever gain and shift are written. */
export function normGraph({ layerNormEps }: EncoderShape, size: BatchSize, width: number): Graph {
  const graph = new Graph();
  const stream = graph.input('stream', [size.batch * size.sequence, width]);
  graph.output('normal', layerNorm(graph, stream, graph.input('gain', [width]), graph.input('shift', [width]), layerNormEps));
  return graph;
}

/** The stream as a norm makes it, or as it is if there is no such module. */
export async function normalised(
  program: Program,
  tensors: NamedTensors,
  module: Module | undefined,
  stream: Float32Array,
): Promise<Float32Array> {
  if (module === undefined) return stream;
  const gain = need(tensors, module.weight).data;
  program.write('stream', stream);
  program.write('gain', gain);
  program.write('shift', module.bias === undefined ? new Float32Array(gain.length) : need(tensors, module.bias).data);
  await program.run();
  return program.read('normal');
}

/**
 * Embeddings of both, normalised: outputs `theirs` [N, d] and `ours` [N, d']. If they are projected, `theirs.tables` and
 * `ours.tables` are what the projections read.
 */
export function embeddingGraph(given: Given): Graph {
  const graph = new Graph();
  const inputs = encoderInputs(graph, given.size);
  const shapes = parameterShapes(given.teacher.config);
  const blueprint = blueprintOf(given.teacher.config);
  const theirs = states(graph, (name) => shapes.get(name), 'teacher.');
  const norms = states(graph, () => [tableWidth(given.table.student)], 'student.');
  const projection = projectionSite(given.table);
  const ours: ParameterLookup = (name) => (blueprint.owner(name)?.kind === 'table' ? theirs(name) : norms(name));
  /** Looks at what a projection reads. @param project the student's, or undefined to leave the teacher's as it is */
  const looking = (output: string, project?: (x: Value) => Value): EncoderOptions => ({
    dense: (module, x) => {
      if (module.role !== 'embeddingProjection') return undefined;
      graph.output(output, x);
      return project?.(x);
    },
  });
  graph.output('theirs', bertEmbeddings(graph, teacherShape(given), theirs, inputs, looking('theirs.tables')));
  const compactors = compactorShapes(given.table);
  const compactor = states(graph, (name) => compactors.get(name));
  const project = (x: Value): Value => {
    if (projection === undefined) return x;
    const { weight, bias } = mergeSite(graph, projection, theirs, compactor);
    return linear(graph, x, weight, bias);
  };
  const options = { embeddingCompactor: compactor(EMBEDDINGS), ...looking('ours.tables', project) };
  graph.output('ours', bertEmbeddings(graph, studentShape(given), ours, inputs, options));
  return graph;
}

/** The site of the projection behind the tables, if there is one. */
export function projectionSite(table: SpaceTable): Site | undefined {
  return linearSites(table).find(({ role }) => role === 'embeddingProjection');
}

export function writeEmbeddings(given: Given, program: Program): void {
  for (const module of blueprintOf(given.teacher.config).modules.filter(({ part }) => part === 'embeddings'))
    for (const name of parameterNames(module)) {
      program.write(`teacher.${name}`, need(given.teacher.tensors, name).data);
      if (module.kind === 'norm') program.write(`student.${name}`, need(given.norms, name).data);
    }
  const site = projectionSite(given.table)?.site;
  for (const name of [EMBEDDINGS, ...(site === undefined ? [] : [`${site}.R`, `${site}.L`])])
    program.write(name, need(given.compactors, name).data);
}

/** What the decoders read: outputs `theirs` [N, d] and `ours` [N, d'] of inputs `teacher` and `student`. */
export function headGraph(given: Given): Graph {
  const graph = new Graph();
  const { teacher, student } = given.table;
  const tokens = given.size.batch * given.size.sequence;
  const shapes = parameterShapes(given.teacher.config);
  const theirs = states(graph, (name) => shapes.get(name), 'teacher.');
  const compactors = compactorShapes(given.table);
  const compactor = states(graph, (name) => compactors.get(name));
  const norms = states(graph, () => [tableWidth(student)], 'student.');
  const site = linearSites(given.table).find(({ role }) => role === 'transform');
  if (site === undefined) throw new StudioError('calibration', 'calibration: the table has no transform.');
  const { weight, bias } = mergeSite(graph, site, theirs, compactor);
  const ours: ParameterLookup = (name) => {
    if (name === site.ours.weight) return weight;
    return name === site.ours.bias && bias !== undefined ? bias : norms(name);
  };
  graph.output('theirs', mlmTransform(graph, teacherShape(given), theirs, graph.input('teacher', [tokens, teacher.residual])));
  graph.output('ours', mlmTransform(graph, studentShape(given), ours, graph.input('student', [tokens, student.residual])));
  return graph;
}

export function writeHead(given: Given, program: Program): void {
  for (const module of blueprintOf(given.teacher.config).modules.filter(({ writes }) => writes === 'mlm'))
    for (const name of parameterNames(module)) {
      program.write(`teacher.${name}`, need(given.teacher.tensors, name).data);
      if (module.kind === 'norm') program.write(`student.${name}`, need(given.norms, name).data);
    }
  for (const side of ['R', 'L'] as const) {
    const name = compactorName('transform', null, side);
    program.write(name, need(given.compactors, name).data);
  }
}
