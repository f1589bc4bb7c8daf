import { filledProgram } from '../graph/filledProgram.ts';
import type { Engine } from '../engines/engine.ts';
import { Graph } from '../graph/graph.ts';
import { add } from '../graph/ops/layout.ts';
import { partFor, plan } from '../graph/plan.ts';
import type { Value } from '../graph/value.ts';
import { blueprintOf, parameterNames } from '../models/blueprint.ts';
import type { BertConfig } from '../models/config.ts';
import type { EncoderOptions, ParameterLookup } from '../models/encoder.ts';
import { decoderName, parameterShapes } from '../models/model.ts';
import { sizeOf, type Shape } from '../tensor/shape.ts';
import { StudioError } from '../tensor/studioError.ts';
import type { NamedTensors, Tensor } from '../tensor/tensor.ts';
import { compactorShapes, EMBEDDINGS, linearSites, normSites, siteName } from '../wid/compactors.ts';
import {
  chooseTables,
  closedCompactorOf,
  closedCompactors,
  closedProducts,
  compactorValue,
  lowRankShapes,
  mergeLowRank,
  type LowRankValues,
  type TableForms,
} from '../wid/lowRank.ts';
import { metParameters } from '../wid/meeting.ts';
import type { StepRows } from '../wid/siteCost.ts';
import { studentConfig, vectorWidth, type SpaceTable } from '../wid/spaces.ts';
import { frozenName, teacherShapes } from './teacherStates.ts';

/** What a student tensor has learned beside its compactors, where the teacher's weights learn: a state of the student's own size. */
export function learnedName(name: string): string {
  return `learned.${name}`;
}

/** Shapes of {@link learnedName}: every tensor of the student but its LayerNorms, which are trained themselves. */
export function learnedShapes(config: BertConfig, table: SpaceTable): Map<string, Shape> {
  const norms = new Set(normSites(table).flatMap(({ ours }) => parameterNames(ours)));
  const shapes = [...parameterShapes(studentConfig(config, table))];
  return new Map(shapes.filter(([name]) => !norms.has(name)).map(([name, shape]) => [learnedName(name), shape]));
}

/** The parameters of a step as graph values, and the states behind them. */
export interface StepParameters {
  readonly met: { readonly parameter: ParameterLookup; readonly options: EncoderOptions };
  /** Trained states by name. */
  readonly learned: ReadonlyMap<string, Value>;
  /** States that stay as they are, by name. */
  readonly still: ReadonlyMap<string, Value>;
  /** Teacher's tensors among these by their own names: a guide may read them too. */
  readonly theirs: ReadonlyMap<string, Value> | undefined;
}

/**
 * Declares factors of low rank, LayerNorms and what stays, and merges them ({@link mergeLowRank}). If the teacher's weights learn, it
 * is their image in the student that does: a state of the student's size, 0 at the start, is added to each of its tensors.
 *
 * @param guided whether the teacher runs in the same step, and so shares its tensors with the merge
 */
export function lowRankParameters(
  graph: Graph,
  teacher: BertConfig,
  table: SpaceTable,
  rank: number,
  rows: StepRows,
  learns: boolean,
  guided: boolean,
): StepParameters {
  const forms = chooseTables(teacher, table, rank, rows, learns);
  const theirs = new Map<string, Value>();
  const shapes = teacherShapes(teacher, table);
  const asked = (name: string): Value => {
    const known = theirs.get(name);
    if (known !== undefined) return known;
    const value = graph.frozen(frozenName(name), needShape(shapes, name));
    theirs.set(name, value);
    return value;
  };
  if (guided) for (const name of shapes.keys()) asked(name);
  const closed = new Map([...closedShapes(teacher, table, rank, forms)].map(([name, shape]) => [name, graph.frozen(name, shape)]));
  const learned = new Map([...lowRankShapes(table, rank)].map(([name, shape]) => [name, graph.state(name, shape)]));
  const values: LowRankValues = { teacher: asked, trained: lookup(learned), closed: lookup(closed) };
  const merged = mergeLowRank(graph, teacher, table, rank, forms, values);
  // Asked for by name also if rows go through its compactor.
  const decoder = blueprintOf(teacher).module('decoder').weight;
  if (!merged.has(decoder)) merged.set(decoder, asked(decoderName(teacher)));
  for (const { ours } of normSites(table))
    for (const name of parameterNames(ours)) {
      const state = graph.state(name, [vectorWidth(table.student, ours.writes)]);
      learned.set(name, state);
      merged.set(name, state);
    }
  if (learns)
    for (const [state, shape] of learnedShapes(teacher, table)) {
      const name = state.slice(learnedName('').length);
      const value = graph.state(state, shape);
      learned.set(state, value);
      merged.set(name, add(graph, lookup(merged)(name), value));
    }
  const sites = new Map<string, 'merged' | 'applied'>([
    ...linearSites(table).map(({ site }) => [site, 'merged'] as const),
    [EMBEDDINGS, forms.embeddings],
    [siteName('decoder'), forms.decoder],
  ]);
  const compactor = (name: string): Value => compactorValue(graph, table, rank, name, values);
  const met = metParameters(graph, teacher, table, sites, lookup(merged), asked, compactor);
  return {
    met,
    learned,
    // Of the teacher, what a step asks for: it is known once the step is laid.
    get still() {
      return new Map([...closed, ...[...theirs].map(([name, value]) => [frozenName(name), value] as const)]);
    },
    theirs,
  };
}

/** States that hold products of the teacher's weights with closed forms, and closed forms themselves. */
function closedShapes(config: BertConfig, table: SpaceTable, rank: number, forms: TableForms): Map<string, Shape> {
  const products = closedProducts(config, table, rank, forms).map(({ name, shape }) => [name, shape] as const);
  return new Map([...products, ...closedCompactors(config, table, rank, forms)]);
}

/**
 * What a run of low rank leaves as it is, by the names of its states, made on the engine a layer at a time.
 *
 * @param teacherTensors states of the teacher, after whole heads were left out   @param compactors in closed form
 */
export async function closedStates(
  engine: Engine,
  teacher: BertConfig,
  table: SpaceTable,
  rank: number,
  rows: StepRows,
  learns: boolean,
  teacherTensors: NamedTensors,
  compactors: NamedTensors,
): Promise<Map<string, Tensor>> {
  const forms = chooseTables(teacher, table, rank, rows, learns);
  const products = closedProducts(teacher, table, rank, forms);
  const graph = new Graph();
  const states = new Map<string, Value>();
  const state = (name: string, shapes: ReadonlyMap<string, Shape>, as = name): Value => {
    const value = states.get(as) ?? graph.state(as, needShape(shapes, name));
    states.set(as, value);
    return value;
  };
  const [theirs, ours] = [teacherShapes(teacher, table), compactorShapes(table)];
  for (const { name, make } of products)
    graph.output(
      name,
      make(
        graph,
        (asked) => state(asked, theirs, frozenName(asked)),
        (asked) => state(asked, ours),
      ),
    );
  const made = new Map<string, Tensor>();
  for (const [name, shape] of closedCompactors(teacher, table, rank, forms))
    made.set(name, { shape, data: given(compactors, closedCompactorOf(name)) });
  const groups = new Map<string | number, typeof products>();
  for (const product of products) {
    const key = product.layer ?? product.name;
    groups.set(key, [...(groups.get(key) ?? []), product]);
  }
  for (const group of groups.values()) {
    const part = partFor(
      graph,
      group.map(({ name }) => name),
    );
    const program = await filledProgram(engine, plan(part, engine.planOptions), (filled) => {
      for (const name of part.states.keys()) filled.write(name, given(teacherTensors.has(name) ? teacherTensors : compactors, name));
    });
    try {
      await program.run();
      for (const { name, shape } of group) made.set(name, { shape, data: await program.read(name) });
    } finally {
      program.dispose();
    }
  }
  return made;
}

/** A student's tensors with what they have learned of their own. */
export function withLearned(tensors: NamedTensors, trained: NamedTensors): Map<string, Tensor> {
  return new Map(
    [...tensors].map(([name, tensor]) => {
      const learned = trained.get(learnedName(name))?.data;
      return [name, learned === undefined ? tensor : { ...tensor, data: tensor.data.map((x, i) => x + (learned[i] ?? 0)) }];
    }),
  );
}

/** Zeros for every {@link learnedShapes}. */
export function unlearned(config: BertConfig, table: SpaceTable): Map<string, Tensor> {
  return new Map([...learnedShapes(config, table)].map(([name, shape]) => [name, { shape, data: new Float32Array(sizeOf(shape)) }]));
}

function lookup(values: ReadonlyMap<string, Value>): ParameterLookup {
  return (name) => {
    const value = values.get(name);
    if (value === undefined) throw new StudioError('graph', `training graph: there is no parameter ${name}.`);
    return value;
  };
}

function needShape(shapes: ReadonlyMap<string, Shape>, name: string): Shape {
  const shape = shapes.get(name);
  if (shape === undefined) throw new StudioError('graph', `training graph: the merge reads no tensor ${name}.`);
  return shape;
}

function given(tensors: NamedTensors, name: string): Float32Array {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new StudioError('training', `compactors: ${name} — expected a tensor of this name, got none.`);
  return tensor.data;
}
