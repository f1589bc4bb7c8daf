import type { BatchShape } from '../bert/masked.ts';
import type { BertModel } from '../bert/model.ts';
import type { Engine } from '../engines/engine.ts';
import { StudioError } from '../tensor/studioError.ts';
import type { NamedTensors, Tensor } from '../tensor/tensor.ts';
import { mergeStudent } from '../training/mergeStudent.ts';
import {
  compactorTraining,
  distillationTraining,
  weightTraining,
  type CompactorSettings,
  type DistillationSettings,
  type TrainingGraph,
} from '../training/trainingGraph.ts';
import { frozenName, teacherStates } from '../training/teacherStates.ts';
import { keepHeads } from '../wid/keepHeads.ts';
import { compactorNorms, type SpaceNorms } from '../wid/norms.ts';
import { studentConfig, type SpaceTable } from '../wid/spaces.ts';
import type { PhaseName, Recipe } from './studioApi.ts';
import type { Teacher } from './teacher.ts';

export interface PhaseContext {
  readonly engine: Engine;
  readonly teacher: Teacher;
  readonly table: SpaceTable;
  readonly recipe: Recipe;
  readonly shape: BatchShape;
  readonly heads: ReadonlyMap<number, readonly number[]>;
}

/** A stretch of a run that trains one set of tensors on one graph. */
export interface Phase {
  readonly name: PhaseName;
  readonly steps: number;
  /** Peak learning rate. */
  readonly rate: number;
  graph(): TrainingGraph;
  /** States that stay as they are. */
  frozen(): NamedTensors;
  /** States that are trained, out of what came before. */
  trained(student: BertModel | undefined, compactors: NamedTensors): NamedTensors;
  /** The student that these trained states are. */
  student(trained: NamedTensors): Promise<BertModel>;
  /** Norms by space for the page; empty where nothing compacts. */
  norms(trained: NamedTensors): SpaceNorms[];
}

/** `calibrated` trains compactors, then polishes; the baselines train the student's own weights alone. */
export function phasesOf(context: PhaseContext): Phase[] {
  const { recipe } = context;
  if (recipe.mode === 'calibrated') {
    const compactorSteps = Math.round(recipe.steps * recipe.compactorShare);
    return [compactorPhase(context, compactorSteps), weightPhase(context, recipe.steps - compactorSteps)];
  }
  return [weightPhase(context, recipe.steps)];
}

export function compactorSettings(recipe: Recipe): CompactorSettings {
  const { teacherLearningRate, compactorLearningRate, weightDecay } = recipe;
  return { teacherRate: teacherLearningRate / compactorLearningRate, teacherDecay: weightDecay, meeting: 'counted' };
}

export function distillationSettings({ distillationTemperature, distillationShare }: Recipe): DistillationSettings {
  return { temperature: distillationTemperature, share: distillationShare };
}

function compactorPhase({ engine, teacher, table, recipe, shape, heads }: PhaseContext, steps: number): Phase {
  const { config, tensors } = teacher.model;
  const kept = keepHeads(tensors, table.teacher.headSize, heads);
  return {
    name: 'compactors',
    steps,
    rate: recipe.compactorLearningRate,
    graph: () => compactorTraining(config, table, shape, compactorSettings(recipe), recipe.accumulation),
    frozen: () => (recipe.teacherLearningRate > 0 ? new Map() : teacherStates(config, table, kept)),
    trained: (_student, compactors) =>
      recipe.teacherLearningRate > 0 ? new Map([...teacherStates(config, table, kept), ...compactors]) : compactors,
    student: (trained) => mergeStudent(engine, teacher.model, kept, table, trained),
    norms: (trained) => compactorNorms(table, trained),
  };
}

function weightPhase({ teacher, table, recipe, shape }: PhaseContext, steps: number): Phase {
  const config = studentConfig(teacher.model.config, table);
  const distils = recipe.mode === 'distil';
  return {
    name: 'polish',
    steps,
    rate: recipe.polishLearningRate,
    graph: () =>
      distils
        ? distillationTraining(teacher.model.config, config, shape, recipe.weightDecay, distillationSettings(recipe), recipe.accumulation)
        : weightTraining(config, shape, recipe.weightDecay, recipe.accumulation),
    frozen: () =>
      distils ? new Map([...teacher.model.tensors].map(([name, tensor]): [string, Tensor] => [frozenName(name), tensor])) : new Map(),
    trained: (student) => {
      if (student === undefined) throw new StudioError('run', 'run: there is no student to polish. Start the run again.');
      return student.tensors;
    },
    student: (trained) => Promise.resolve({ config, tensors: trained }),
    norms: () => [],
  };
}
