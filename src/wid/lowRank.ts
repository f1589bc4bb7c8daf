import type { Graph } from '../graph/graph.ts';
import { scale } from '../graph/ops/elementwise.ts';
import { add } from '../graph/ops/layout.ts';
import { matmul } from '../graph/ops/matmul.ts';
import { reshape } from '../graph/ops/view.ts';
import type { Value } from '../graph/value.ts';
import { biasOf, blueprintOf, spaceWidths } from '../models/blueprint.ts';
import type { BertConfig } from '../models/config.ts';
import type { ParameterLookup } from '../models/encoder.ts';
import { decoderName } from '../models/model.ts';
import type { Algebra } from '../tensor/algebra.ts';
import { matrix } from '../tensor/matrix.ts';
import { Random } from '../tensor/random.ts';
import { sizeOf, type Shape } from '../tensor/shape.ts';
import { StudioError } from '../tensor/studioError.ts';
import type { NamedTensors, Tensor } from '../tensor/tensor.ts';
import { compactorName, compactorShapes, EMBEDDINGS, linearSites, type Site } from './compactors.ts';
import { applyColumns, applyRows } from './merge.ts';
import { studentInput, studentOutput, type StepRows } from './siteCost.ts';
import { tableWidth, type SpaceTable } from './spaces.ts';

/**
 * Compactors of which training changes a part of low rank: X = X0 + left right, with X0 their closed form (docs/method.md section 3, low rank).
 *
 * Rows and columns of a matrix are compacted by R = R0 + P Q and L = L0 + A B, so that
 *
 *   R W L = R0 W L0 + ((R0 W) A + P (Q W A)) B + P (Q (W L0)).
 *
 * R0 W, W L0 and R0 W L0 never change: a step makes products of rank r alone. Compactors inside heads are small, and always trained
 * whole, as is every compactor whose shorter side is no longer than the rank.
 */

/** The rank of a compactor's trained part; undefined if it is trained whole. */
export function rankOf(shape: Shape, rank: number): number | undefined {
  return shape.length === 3 || Math.min(...shape) <= rank ? undefined : rank;
}

/** Whether no compactor of a student is of lower rank than its shorter side. */
export function isWhole(table: SpaceTable, rank: number): boolean {
  return [...compactorShapes(table).values()].every((shape) => rankOf(shape, rank) === undefined);
}

/** Factors of a compactor's trained part: left [m, r], right [r, n]. */
export function factorNames(compactor: string): { readonly left: string; readonly right: string } {
  return { left: `${compactor}.left`, right: `${compactor}.right` };
}

/** What is trained of the compactors, by name: whole ones by their own, factors by {@link factorNames}. */
export function lowRankShapes(table: SpaceTable, rank: number): Map<string, Shape> {
  const shapes = new Map<string, Shape>();
  for (const [name, shape] of compactorShapes(table)) {
    const r = rankOf(shape, rank);
    const { left, right } = factorNames(name);
    if (r === undefined) shapes.set(name, shape);
    else if (r > 0) shapes.set(left, [shape[0] ?? 1, r]).set(right, [r, shape[1] ?? 1]);
  }
  return shapes;
}

/**
 * Where training starts: whole compactors as they are; of the others the factor on the teacher's side is normal noise / sqrt(r) and
 * the one on the student's side 0, so that nothing has changed, and an update of the latter by u changes the product by about u.
 */
export function lowRankStart(table: SpaceTable, rank: number, compactors: NamedTensors, seed: number): Map<string, Tensor> {
  const random = new Random(seed);
  const start = new Map<string, Tensor>();
  for (const [name, shape] of compactorShapes(table)) {
    const r = rankOf(shape, rank);
    if (r === undefined) {
      start.set(name, need(compactors, name));
      continue;
    }
    if (r === 0) continue;
    const [m = 1, n = 1] = shape;
    const { left, right } = factorNames(name);
    // The teacher's dimensions are columns of a row compactor, and rows of the others.
    const rowCompactor = name.endsWith('.R');
    const noise = (size: number): Float32Array => Float32Array.from({ length: size }, () => random.normal() / Math.sqrt(r));
    start.set(left, { shape: [m, r], data: rowCompactor ? new Float32Array(m * r) : noise(m * r) });
    start.set(right, { shape: [r, n], data: rowCompactor ? noise(r * n) : new Float32Array(r * n) });
  }
  return start;
}

/** The compactors that closed forms and factors amount to, by the names of compactorShapes. */
export function wholeCompactors(
  algebra: Algebra,
  table: SpaceTable,
  rank: number,
  closed: NamedTensors,
  trained: NamedTensors,
): Map<string, Tensor> {
  const whole = new Map<string, Tensor>();
  for (const [name, shape] of compactorShapes(table)) {
    const r = rankOf(shape, rank);
    if (r === undefined) whole.set(name, need(trained, name));
    else if (r === 0) whole.set(name, need(closed, name));
    else {
      const [m = 1, n = 1] = shape;
      const { left, right } = factorNames(name);
      const change = algebra.multiply(matrix(m, r, need(trained, left).data), matrix(r, n, need(trained, right).data)).data;
      whole.set(name, { shape, data: need(closed, name).data.map((x, i) => x + (change[i] ?? 0)) });
    }
  }
  return whole;
}

/** Where the tables meet their compactors. */
export interface TableForms {
  readonly embeddings: 'merged' | 'applied';
  readonly decoder: 'merged' | 'applied';
}

/**
 * What costs fewer multiplications a step: E0 L0 + (E A) B over all rows of the tables, or the batch's rows through the compactor. If
 * the merged tables learn, they are needed.
 */
export function chooseTables(
  config: BertConfig,
  table: SpaceTable,
  rank: number,
  { tokens, slots }: StepRows,
  learns: boolean,
): TableForms {
  if (learns) return { embeddings: 'merged', decoder: 'merged' };
  const [d, ours] = [tableWidth(table.teacher), tableWidth(table.student)];
  const widths = spaceWidths(config);
  const height = blueprintOf(config).tables.reduce((rows, { reads }) => rows + widths[reads], 0);
  const merge = (rows: number): number => rows * (rankOf([d, ours], rank) === undefined ? 2 * d * ours : rank * (2 * d + 3 * ours));
  const lookup = { merged: merge(height), applied: 2 * tokens * d * ours };
  const decoder = {
    merged: merge(config.vocabSize) + 3 * slots * ours * config.vocabSize,
    applied: slots * (3 * ours * d + 2 * d * config.vocabSize),
  };
  if (!table.tied) return { embeddings: cheaper(lookup.merged, lookup.applied), decoder: cheaper(decoder.merged, decoder.applied) };
  const both = cheaper(lookup.merged + decoder.merged - merge(config.vocabSize), lookup.applied + decoder.applied);
  return { embeddings: both, decoder: both };
}

function cheaper(merged: number, applied: number): 'merged' | 'applied' {
  return applied < merged ? 'applied' : 'merged';
}

/** A product of the teacher's weights with closed forms, which no step changes. */
export interface ClosedProduct {
  /** Of its state. */
  readonly name: string;
  readonly shape: Shape;
  /** Student layer, or null outside of the layers. */
  readonly layer: number | null;
  /** @param teacher the teacher's tensors   @param closed compactors as they began */
  readonly make: (graph: Graph, teacher: ParameterLookup, closed: ParameterLookup) => Value;
}

const closedName = (what: string): string => `closed.${what}`;

/** Every {@link ClosedProduct} that a step reads. */
export function closedProducts(config: BertConfig, table: SpaceTable, rank: number, forms: TableForms): ClosedProduct[] {
  const list: ClosedProduct[] = [];
  for (const site of linearSites(table)) {
    const { layer } = site;
    const { rows, columns } = ranksOf(site, rank);
    const W = (teacher: ParameterLookup): Value => teacher(site.theirs.weight);
    const enter = (part: string, shape: Shape, make: ClosedProduct['make']): void =>
      void list.push({ name: closedName(`${site.site}.${part}`), shape, layer, make });
    if (rows !== undefined && (columns === undefined || columns > 0))
      enter('RW', [studentOutput(site), site.input], (graph, teacher, closed) => applyRows(graph, closed(`${site.site}.R`), W(teacher)));
    if (columns !== undefined && (rows === undefined || rows > 0))
      enter('WL', [site.output, studentInput(site)], (graph, teacher, closed) => applyColumns(graph, W(teacher), closed(`${site.site}.L`)));
    if (rows !== undefined && columns !== undefined)
      enter('RWL', [studentOutput(site), studentInput(site)], (graph, teacher, closed) =>
        applyColumns(graph, applyRows(graph, closed(`${site.site}.R`), W(teacher)), closed(`${site.site}.L`)),
      );
    const { bias } = site.theirs;
    if (rows !== undefined && bias !== undefined)
      enter('Rb', [studentOutput(site)], (graph, teacher, closed) =>
        ofVector(graph, closed(`${site.site}.R`), teacher(bias), studentOutput(site)),
      );
  }
  for (const { name, weight, height, compactor, form } of tablesOf(config, table, forms)) {
    if (rankOf([tableWidth(table.teacher), tableWidth(table.student)], rank) === undefined) continue;
    if (form === 'merged')
      list.push({
        name: closedName(name),
        shape: [height, tableWidth(table.student)],
        layer: null,
        make: (graph, teacher, closed) => matmul(graph, teacher(weight), closed(compactor)),
      });
  }
  return list;
}

/** Names of compactors whose closed form itself is read in a step: those that rows of the tables go through. */
export function closedCompactors(config: BertConfig, table: SpaceTable, rank: number, forms: TableForms): Map<string, Shape> {
  const shape = [tableWidth(table.teacher), tableWidth(table.student)];
  if (rankOf(shape, rank) === undefined) return new Map();
  const applied = tablesOf(config, table, forms).filter(({ form }) => form === 'applied');
  return new Map(applied.map(({ compactor }) => [closedName(compactor), shape]));
}

/** The compactor of a state that {@link closedCompactors} names. */
export function closedCompactorOf(state: string): string {
  return state.slice(closedName('').length);
}

interface TableSite {
  /** In the student. */
  readonly name: string;
  /** In the teacher. */
  readonly weight: string;
  readonly height: number;
  readonly compactor: string;
  readonly form: 'merged' | 'applied';
}

function tablesOf(config: BertConfig, table: SpaceTable, forms: TableForms): TableSite[] {
  const blueprint = blueprintOf(config);
  const widths = spaceWidths(config);
  const decoder = blueprint.module('decoder').weight;
  return [
    ...blueprint.tables.map(({ weight, reads }) => ({
      name: weight,
      weight,
      height: widths[reads],
      compactor: EMBEDDINGS,
      form: forms.embeddings,
    })),
    ...(table.tied
      ? []
      : [
          {
            name: decoder,
            weight: decoderName(config),
            height: config.vocabSize,
            compactor: compactorName('decoder', null, 'L'),
            form: forms.decoder,
          },
        ]),
  ];
}

/** Values of a step that its matrices are merged from. */
export interface LowRankValues {
  /** The teacher's tensors by name. */
  readonly teacher: ParameterLookup;
  /** What is trained, by the names of {@link lowRankShapes}. */
  readonly trained: ParameterLookup;
  /** Closed products and compactors by the names of their states. */
  readonly closed: ParameterLookup;
}

/**
 * The student's matrices as graph values. Tables that meet their compactors by rows are left out.
 * @returns linear layers, tables and decoder by their names
 */
export function mergeLowRank(
  graph: Graph,
  config: BertConfig,
  table: SpaceTable,
  rank: number,
  forms: TableForms,
  values: LowRankValues,
): Map<string, Value> {
  const merged = new Map<string, Value>();
  for (const site of linearSites(table)) {
    merged.set(site.ours.weight, siteWeight(graph, site, rank, values));
    const { bias } = site.theirs;
    if (bias !== undefined && site.ours.bias !== undefined) merged.set(site.ours.bias, siteBias(graph, site, bias, rank, values));
  }
  for (const { name, weight, compactor, form } of tablesOf(config, table, forms))
    if (form === 'merged') merged.set(name, tableWeight(graph, table, rank, { name, weight, compactor }, values));
  merged.set(biasOf(blueprintOf(config).module('decoder')), values.teacher(biasOf(blueprintOf(config).module('decoder'))));
  return merged;
}

/** A compactor as a value, X0 + left right. */
export function compactorValue(graph: Graph, table: SpaceTable, rank: number, name: string, { trained, closed }: LowRankValues): Value {
  const r = rankOf(compactorShapes(table).get(name) ?? [], rank);
  if (r === undefined) return trained(name);
  const start = closed(closedName(name));
  if (r === 0) return start;
  const { left, right } = factorNames(name);
  return add(graph, start, matmul(graph, trained(left), trained(right)));
}

function ranksOf(site: Site, rank: number): { readonly rows: number | undefined; readonly columns: number | undefined } {
  return { rows: rankOf(site.rowShape, rank), columns: rankOf(site.columnShape, rank) };
}

function siteWeight(graph: Graph, site: Site, rank: number, { teacher, trained, closed }: LowRankValues): Value {
  const { rows, columns } = ranksOf(site, rank);
  const scaled = (x: Value): Value => (site.factor === 1 ? x : scale(graph, x, site.factor));
  const W = (): Value => teacher(site.theirs.weight);
  const part = (name: string): Value => closed(closedName(`${site.site}.${name}`));
  const [R, L] = [`${site.site}.R`, `${site.site}.L`];
  const [P, Q] = [() => trained(factorNames(R).left), () => trained(factorNames(R).right)];
  const [A, B] = [() => trained(factorNames(L).left), () => trained(factorNames(L).right)];
  const times = (left: Value, right: Value): Value => matmul(graph, left, right);
  if (rows === undefined && columns === undefined) return scaled(applyColumns(graph, applyRows(graph, trained(R), W()), trained(L)));
  if (rows === undefined) {
    const read = columns === 0 ? part('WL') : add(graph, part('WL'), times(times(W(), A()), B()));
    return scaled(applyRows(graph, trained(R), read));
  }
  if (columns === undefined) {
    const written = rows === 0 ? part('RW') : add(graph, part('RW'), times(P(), times(Q(), W())));
    return scaled(applyColumns(graph, written, trained(L)));
  }
  if (rows === 0) return scaled(columns === 0 ? part('RWL') : add(graph, part('RWL'), times(times(part('RW'), A()), B())));
  const byRows = add(graph, part('RWL'), times(P(), times(Q(), part('WL'))));
  if (columns === 0) return scaled(byRows);
  const both = add(graph, times(part('RW'), A()), times(P(), times(times(Q(), W()), A())));
  return scaled(add(graph, byRows, times(both, B())));
}

function siteBias(graph: Graph, site: Site, bias: string, rank: number, { teacher, trained, closed }: LowRankValues): Value {
  const { rows } = ranksOf(site, rank);
  const R = `${site.site}.R`;
  const b = (): Value => teacher(bias);
  const ours = studentOutput(site);
  const scaled = (x: Value): Value => (site.factor === 1 ? x : scale(graph, x, site.factor));
  if (rows === undefined) return scaled(ofVector(graph, trained(R), b(), ours));
  const start = closed(closedName(`${site.site}.Rb`));
  if (rows === 0) return scaled(start);
  const { left, right } = factorNames(R);
  return scaled(add(graph, start, ofVector(graph, trained(left), ofVector(graph, trained(right), b(), rows), ours)));
}

/** R b, [o']. */
function ofVector(graph: Graph, R: Value, b: Value, ours: number): Value {
  return reshape(graph, applyRows(graph, R, reshape(graph, b, [sizeOf(b.shape), 1])), [ours]);
}

function tableWeight(
  graph: Graph,
  table: SpaceTable,
  rank: number,
  { name, weight, compactor }: Pick<TableSite, 'name' | 'weight' | 'compactor'>,
  { teacher, trained, closed }: LowRankValues,
): Value {
  const r = rankOf([tableWidth(table.teacher), tableWidth(table.student)], rank);
  if (r === undefined) return matmul(graph, teacher(weight), trained(compactor));
  if (r === 0) return closed(closedName(name));
  const { left, right } = factorNames(compactor);
  return add(graph, closed(closedName(name)), matmul(graph, matmul(graph, teacher(weight), trained(left)), trained(right)));
}

function need(tensors: NamedTensors, name: string): Tensor {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new StudioError('training', `compactors: ${name} — expected a tensor of this name, got none.`);
  return tensor;
}
