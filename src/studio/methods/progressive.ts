import type { ModelConfig } from '../../models/config.ts';
import type { BertModel } from '../../models/model.ts';
import { parameterShapes } from '../../models/model.ts';
import type { Runnable } from '../../models/runnable.ts';
import type { NamedTensors, Tensor } from '../../tensor/tensor.ts';
import { gateStates, progressiveRunnable, progressiveTraining } from '../../training/progressiveTraining.ts';
import type { Calibration } from '../../wid/calibrate.ts';
import type { TeacherMoments } from '../../wid/moments.ts';
import { binned, type SpaceNorms } from '../../wid/norms.ts';
import { shrink } from '../../wid/progressive/axes.ts';
import { orderTeacher } from '../../wid/progressive/order.ts';
import { stageGates, stagesOf, type Stage } from '../../wid/progressive/schedule.ts';
import { rotaryOf, studentConfig, type Spaces, type SpaceTable } from '../../wid/spaces.ts';
import { usualOptimiser, warmupShare, type Before, type Phase, type PhaseContext } from './phase.ts';
import type { Recipe } from '../api/recipe.ts';
import type { Method } from './method.ts';
import { ownWeightsPhase } from './ownWeights.ts';
import { readForStart, withAlgebra } from './start.ts';
import { percent, settingsInWords } from './words.ts';
import type { Student } from '../student.ts';
import type { Teacher } from '../teacher/teacher.ts';

/** Steps of the ramp that closes gates. */
function rampSteps({ steps, rampShare }: Recipe): number {
  return Math.round(steps * rampShare);
}

/** Progressive mode begins at the teacher's own function, in a basis where the dimensions that go lie at the end. */
function progressiveStart(teacher: Teacher, table: SpaceTable, moments: TeacherMoments, onePass: Calibration): Student {
  const { tensors, heads } = orderTeacher(teacher.model, table, moments, onePass);
  const sizes = { ...table.teacher, layers: table.student.layers };
  const open = gateStates(stageGates(table, sizes, 0));
  return {
    model: cutOut(teacher, table, tensors, sizes),
    compactors: tensors,
    heads,
    larger: {
      runnable: progressiveRunnable(atDepth(teacher.model.config, table), sizes, table.tied, new Map([...tensors, ...open])),
      heads,
    },
  };
}

/** The teacher's sizes, and as its student's layers attend. */
function atDepth(config: ModelConfig, { layerMap }: SpaceTable): ModelConfig {
  return { ...config, ...rotaryOf(config, layerMap) };
}

/** The student's dimensions alone, whatever the gates of the others. */
function cutOut(teacher: Teacher, table: SpaceTable, tensors: NamedTensors, sizes: Spaces): BertModel {
  const config = studentConfig(teacher.model.config, table);
  const shapes = parameterShapes(config);
  const small = shrink(tensors, sizes, table.student);
  return { config, tensors: new Map([...small].filter(([name]) => shapes.has(name))) };
}

/** One phase a size of the ramp; they share a schedule, and Adam's moments go along (docs/method.md section 5.3). */
function progressivePhases(context: PhaseContext): Phase[] {
  const { table, recipe } = context;
  const stages = stagesOf(table, rampSteps(recipe));
  return stages.map((stage, index) => gatePhase(context, stage, stages[index - 1]?.sizes));
}

/** What the polish goes on with: the last stage's weights and moments at the student's size, or the student where there was no ramp. */
function squeezed({ table, recipe }: PhaseContext, { state, compactors, model }: Before): NamedTensors {
  const last = stagesOf(table, rampSteps(recipe)).at(-1);
  if (last !== undefined && state.size > 0) return shrink(state, last.sizes, table.student);
  return model?.tensors ?? shrink(compactors, { ...table.teacher, layers: table.student.layers }, table.student);
}

function gatePhase({ teacher, table, recipe, shape }: PhaseContext, stage: Stage, before: Spaces | undefined): Phase {
  const config = atDepth(teacher.model.config, table);
  const { first, last, sizes } = stage;
  const steps = rampSteps(recipe);
  const gates = (updates: number): Map<string, Tensor> => gateStates(stageGates(table, sizes, updates / steps));
  const runnable = (trained: NamedTensors): Runnable => progressiveRunnable(config, sizes, table.tied, trained);
  return {
    name: 'gates',
    schedule: {
      first,
      last,
      total: recipe.steps,
      rate: recipe.polishLearningRate,
      warmup: warmupShare(recipe, recipe.steps),
      decay: recipe.decay,
    },
    optimiser: usualOptimiser(recipe),
    handsOn: true,
    graph: () => progressiveTraining(config, sizes, table.tied, shape, recipe.weightDecay, recipe.accumulation),
    frozen: () => gates(first),
    trained: ({ compactors, state }) => (before === undefined ? compactors : shrink(state, before, sizes)),
    student: (_, trained) => Promise.resolve(cutOut(teacher, table, trained, sizes)),
    norms: (trained) => gateNorms(table, sizes, trained),
    runnable,
    beforeStep: (trainer) => {
      trainer.rewrite(gates(trainer.updates));
      return Promise.resolve();
    },
  };
}

/** Gates close step by step, from the teacher's full function to the student (docs/method.md section 5.3). */
export const progressive: Method = {
  name: 'progressive',
  start: async (context, tools) => {
    const { moments, onePass } = await withAlgebra(tools.engine, (algebra) => readForStart(context, tools, algebra));
    return progressiveStart(context.teacher, context.table, moments, onePass);
  },
  phases: (context) => {
    const polish = ownWeightsPhase(context, context.recipe.steps, undefined);
    // One learning rate falls over ramp and polish together, and Adam's moments go along.
    const schedule = { ...polish.schedule, first: rampSteps(context.recipe) };
    return [...progressivePhases(context), { ...polish, schedule, trained: (before) => squeezed(context, before) }];
  },
  words: (recipe, task) => `${inWords(recipe)} ${settingsInWords(recipe, task)}`,
};

function inWords({ steps: count, batch, sequence, rampShare, calibrationTokens, polishLearningRate }: Recipe): string {
  return `The teacher, in a basis ordered on ${calibrationTokens} tokens, was narrowed by gates that closed over the first ${percent(rampShare)} of ${count} steps of ${batch} x ${sequence} tokens (mode \`progressive\`, its own weights at a peak learning rate of ${polishLearningRate}).`;
}

/** Gates of the teacher's dimensions: removed ones are 0, and those that go lie at the end. */
function gateNorms(table: SpaceTable, sizes: Spaces, trained: NamedTensors): SpaceNorms[] {
  const { teacher: t } = table;
  const gate = (name: string): Float32Array => trained.get(`gate.${name}`)?.data ?? new Float32Array();
  const report = (space: SpaceNorms['space'], size: number, at: (index: number) => number): SpaceNorms => ({
    space,
    layer: null,
    size,
    norms: binned(Array.from({ length: size }, (_, index) => at(index))),
  });
  const inHead = (index: number): number => {
    const [head, i] = [Math.floor(index / t.headSize), index % t.headSize];
    return head < sizes.heads && i < sizes.headSize ? (gate('attention')[head * sizes.headSize + i] ?? 0) : 0;
  };
  return [
    report('residual', t.residual, (index) => gate('residual')[index] ?? 0),
    ...(t.embedding === undefined ? [] : [report('embedding', t.embedding, (index) => gate('embedding')[index] ?? 0)]),
    report('queryKey', t.heads * t.headSize, inHead),
    report('valueOutput', t.heads * t.headSize, inHead),
    report('ffn', t.inner, (index) => gate('inner')[index] ?? 0),
  ];
}
