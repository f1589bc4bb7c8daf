import { blueprintOf, parameterNames } from '../../models/blueprint.ts';
import type { NamedTensors } from '../../tensor/tensor.ts';
import { guideStates } from '../../training/guide.ts';
import { closedStates, learnedShapes, unlearned, withLearned } from '../../training/lowRankTraining.ts';
import { mergeStudent } from '../../training/mergeStudent.ts';
import { teacherShapes, teacherStates } from '../../training/teacherStates.ts';
import { compactorTraining, stepRows, type CompactorSettings } from '../../training/trainingGraph.ts';
import { normSites } from '../../wid/compactors.ts';
import { keepHeads } from '../../wid/keepHeads.ts';
import { isWhole, lowRankStart, wholeCompactors } from '../../wid/lowRank.ts';
import { compactorNorms } from '../../wid/norms.ts';
import type { SpaceTable } from '../../wid/spaces.ts';
import type { Recipe } from '../api/recipe.ts';
import { WHOLE_RANK } from '../settings/settings.ts';
import type { Method } from './method.ts';
import { ownWeightsPhase } from './ownWeights.ts';
import { usualOptimiser, wholeSchedule, type Phase, type PhaseContext } from './phase.ts';
import { mergedShapes, mergedStart, withAlgebra } from './start.ts';
import { fromLogits, settingsInWords } from './words.ts';

function compactorSettings(recipe: Recipe): CompactorSettings {
  const { teacherLearningRate, compactorLearningRate, weightDecay, guidance, distillationTemperature, rank } = recipe;
  return {
    rank,
    teacherRate: teacherLearningRate / compactorLearningRate,
    teacherDecay: weightDecay,
    meeting: 'counted',
    guidance: { share: guidance, temperature: distillationTemperature },
    keptStates: recipe.keptStates,
  };
}

function compactorSteps({ steps, compactorShare }: Recipe): number {
  return Math.round(steps * compactorShare);
}

function compactorPhase({ teacher, table, recipe, shape, heads }: PhaseContext, steps: number): Phase {
  const { config, tensors } = teacher.model;
  const kept = (): NamedTensors => keepHeads(blueprintOf(config), tensors, table.teacher.headSize, heads);
  return {
    name: 'compactors',
    schedule: wholeSchedule(recipe, steps, recipe.compactorLearningRate),
    optimiser: usualOptimiser(recipe),
    graph: () => compactorTraining(config, table, shape, compactorSettings(recipe), recipe.accumulation),
    frozen: () =>
      new Map([
        ...(recipe.teacherLearningRate > 0 ? [] : teacherStates(config, table, kept())),
        ...(recipe.guidance > 0 || recipe.keptStates > 0 ? guideStates(tensors) : []),
      ]),
    trained: ({ compactors }) =>
      recipe.teacherLearningRate > 0 ? new Map([...teacherStates(config, table, kept()), ...compactors]) : compactors,
    student: (engine, trained) => mergeStudent(engine, teacher.model, kept(), table, trained),
    norms: (trained) => compactorNorms(table, trained),
  };
}

/** The same if training changes a part of low rank of the compactors: their closed forms stay, and belong to a checkpoint. */
function lowRankPhase(context: PhaseContext, steps: number): Phase {
  const { teacher, table, recipe, shape, heads } = context;
  const whole = compactorPhase(context, steps);
  const { model } = teacher;
  const { rank } = recipe;
  const learns = recipe.teacherLearningRate > 0;
  const kept = (): NamedTensors => keepHeads(blueprintOf(model.config), model.tensors, table.teacher.headSize, heads);
  const own = (trained: NamedTensors, names: Iterable<string>): NamedTensors =>
    new Map(
      [...names].flatMap((name) => {
        const tensor = trained.get(name);
        return tensor === undefined ? [] : [[name, tensor] as const];
      }),
    );
  return {
    ...whole,
    keepsBefore: true,
    frozen: async ({ compactors }, engine) => {
      const theirs = teacherStates(model.config, table, kept());
      const rows = stepRows(shape, recipe.accumulation);
      const closed = await closedStates(engine, model.config, table, rank, rows, learns, theirs, compactors);
      return new Map([...theirs, ...closed, ...(recipe.guidance > 0 ? guideStates(model.tensors) : [])]);
    },
    trained: ({ compactors }) =>
      new Map([
        ...lowRankStart(table, rank, compactors, recipe.seed),
        ...own(compactors, normNames(table)),
        ...(learns ? unlearned(model.config, table) : []),
      ]),
    compactors: async (engine, trained, { compactors }) =>
      new Map([
        ...(await withAlgebra(engine, (algebra) => Promise.resolve(wholeCompactors(algebra, table, rank, compactors, trained)))),
        ...own(trained, normNames(table)),
        ...own(trained, learnedShapes(model.config, table).keys()),
      ]),
    student: async (engine, trained, compactors) => {
      const student = await mergeStudent(engine, model, kept(), table, compactors);
      return { ...student, tensors: withLearned(student.tensors, trained) };
    },
  };
}

function normNames(table: SpaceTable): string[] {
  return normSites(table).flatMap(({ ours }) => parameterNames(ours));
}

/** WID from closed forms: trains compactors, reparameterises, then polishes the student's own weights (docs/method.md section 5.1). */
export const calibrated: Method = {
  name: 'calibrated',
  job: 'merged',
  start: (context, tools) => mergedStart(context, tools, false),
  phases: (context) => {
    const { recipe, table } = context;
    const { guidance: share, distillationTemperature: temperature, keptStates } = recipe;
    const steps = compactorSteps(recipe);
    const learnsFrom = share > 0 || keptStates > 0 ? { temperature, share, hidden: 0, keptStates, layerMap: table.layerMap } : undefined;
    const first = isWhole(table, recipe.rank) ? compactorPhase : lowRankPhase;
    return [first(context, steps), ownWeightsPhase(context, recipe.steps - steps, learnsFrom)];
  },
  startNorms: compactorNorms,
  merged: ({ teacher, table, recipe }) => {
    const learns = compactorSteps(recipe) > 0 && recipe.teacherLearningRate > 0;
    const { config } = teacher.model;
    const learned = isWhole(table, recipe.rank) ? teacherShapes(config, table) : learnedShapes(config, table);
    const kept = recipe.keptStates > 0 ? [[table.teacher.residual, table.student.residual]] : [];
    return [...mergedShapes(table), ...kept, ...(learns ? learned.values() : [])];
  },
  words: (recipe, task) => [startInWords(recipe), stepsInWords(recipe), settingsInWords(recipe, task)].join(' '),
};

function startInWords({ student, depth, calibrationTokens, calibration }: Recipe): string {
  const how = calibration === 'sequential' ? 'layer by layer against the student so far' : "in one pass over the teacher's activations";
  return [
    `Compactors around every linear layer were solved in closed form on ${calibrationTokens} tokens, ${how}.`,
    ...(depth === 'mixture' ? [`The ${student.layers} layers inherit from learned mixtures of the teacher's.`] : []),
  ].join(' ');
}

function stepsInWords(recipe: Recipe): string {
  const { batch, sequence, teacherLearningRate, guidance, distillationTemperature, keptStates, rank } = recipe;
  const trained = compactorSteps(recipe);
  const polished = recipe.steps - trained;
  const below = teacherLearningRate > 0 ? `, the teacher's weights below them at ${teacherLearningRate}` : '';
  const parts = [
    ...(trained > 0 ? [`${trained} trained the compactors (peak learning rate ${recipe.compactorLearningRate}${below})`] : []),
    ...(polished > 0 ? [`${polished} polished the student's own weights (peak learning rate ${recipe.polishLearningRate})`] : []),
  ];
  const whole = rank >= WHOLE_RANK || trained === 0 ? '' : ` Training changed the compactors' closed forms by parts of rank ${rank}.`;
  const logits = guidance > 0 ? `, ${fromLogits(guidance, distillationTemperature)}` : '';
  const states = keptStates > 0 ? `, hidden states at the kept dimensions with weight ${keptStates}` : '';
  const loss = `${logits}${states}`;
  return parts.length === 0
    ? 'Nothing was trained.'
    : `Of ${recipe.steps} steps of ${batch} x ${sequence} tokens, ${parts.join(' and ')}${loss}.${whole}`;
}
