import type { BertModel } from '../bert/model.ts';
import { parameterShapes } from '../bert/model.ts';
import type { Engine } from '../engines/engine.ts';
import { plan } from '../graph/plan.ts';
import type { NamedTensors, Tensor } from '../tensor/tensor.ts';
import { studentConfig, type SpaceTable } from '../wid/spaces.ts';
import { teacherStates } from './teacherStates.ts';
import { mergeGraph } from './trainingGraph.ts';

/**
 * Structural reparameterisation: folds the compactors away and returns an ordinary, smaller BERT.
 *
 * @param teacherTensors the teacher after whole heads were left out
 * @param trained compactors and the student's LayerNorms, and the teacher's own weights where they were trained
 */
export async function mergeStudent(
  engine: Engine,
  teacher: BertModel,
  teacherTensors: NamedTensors,
  table: SpaceTable,
  trained: NamedTensors,
): Promise<BertModel> {
  const config = studentConfig(teacher.config, table);
  const { graph, names } = mergeGraph(teacher.config, table);
  const program = await engine.compile(plan(graph, engine.planOptions));
  try {
    for (const [name, tensor] of teacherStates(teacher.config, table, teacherTensors)) program.write(name, tensor.data);
    for (const [name, tensor] of trained) if (graph.states.has(name)) program.write(name, tensor.data);
    await program.run();
    const shapes = parameterShapes(config);
    const tensors = new Map<string, Tensor>();
    for (const name of names) tensors.set(name, { shape: shapes.get(name) ?? [], data: await program.read(`merged.${name}`) });
    return { config, tensors };
  } finally {
    program.dispose();
  }
}
