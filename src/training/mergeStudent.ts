import type { BertModel } from '../models/model.ts';
import { parameterShapes } from '../models/model.ts';
import { blueprintOf, type Blueprint } from '../models/blueprint.ts';
import type { Engine } from '../engines/engine.ts';
import type { Graph } from '../graph/graph.ts';
import { partFor, plan } from '../graph/plan.ts';
import { StudioError } from '../tensor/studioError.ts';
import type { NamedTensors, Tensor } from '../tensor/tensor.ts';
import { studentConfig, type SpaceTable } from '../wid/spaces.ts';
import { teacherStates } from './teacherStates.ts';
import { mergeGraph } from './trainingGraph.ts';

/** Bytes of a merging program that are taken beside a training program without a thought. */
const MERGED_AT_ONCE = 2 ** 28;

/**
 * Structural reparameterisation: folds the compactors away and returns an ordinary, smaller BERT.
 *
 * Large models are merged in pieces, which hold a layer of both models at a time.
 *
 * @param teacherTensors the teacher after whole heads were left out
 * @param trained compactors and the student's LayerNorms, and the teacher's own weights where they were trained
 * @param atOnce bytes of a merging program up to which the model is merged in one piece
 */
export async function mergeStudent(
  engine: Engine,
  teacher: BertModel,
  teacherTensors: NamedTensors,
  table: SpaceTable,
  trained: NamedTensors,
  atOnce = MERGED_AT_ONCE,
): Promise<BertModel> {
  const config = studentConfig(teacher.config, table);
  const { graph, names } = mergeGraph(teacher.config, table);
  const given = new Map([...teacherStates(teacher.config, table, teacherTensors), ...trained]);
  const shapes = parameterShapes(config);
  const tensors = new Map<string, Tensor>();
  for (const group of groupsOf(graph, names, blueprintOf(config), engine, atOnce)) {
    const part = plan(partFor(graph, group.map(outputName)), engine.planOptions);
    const program = await engine.compile(part);
    try {
      for (const name of part.states.keys()) {
        const tensor = given.get(name);
        if (tensor === undefined) throw new StudioError('training', `merge: ${name} — expected a tensor of this name, got none.`);
        program.write(name, tensor.data);
      }
      await program.run();
      for (const name of group) tensors.set(name, { shape: shapes.get(name) ?? [], data: await program.read(outputName(name)) });
    } finally {
      program.dispose();
    }
  }
  return { config, tensors };
}

function outputName(name: string): string {
  return `merged.${name}`;
}

/** All at once where that is little; else layer by layer, and each of the other tensors by itself: a training program may be there too. */
function groupsOf(
  graph: Graph,
  names: readonly string[],
  blueprint: Blueprint,
  engine: Engine,
  atOnce: number,
): readonly (readonly string[])[] {
  if (plan(graph, engine.planOptions).arenaBytes <= atOnce) return [names];
  const groups = new Map<string | number, string[]>();
  for (const name of names) {
    const key = blueprint.owner(name)?.layer ?? name;
    groups.set(key, [...(groups.get(key) ?? []), name]);
  }
  return [...groups.values()];
}
