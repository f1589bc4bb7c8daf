import { StudioError } from '../../tensor/studioError.ts';
import { guideStates } from '../../training/guide.ts';
import { factorise, withWholeTables } from '../../training/factorisedTables.ts';
import { freshProjection, KEPT_STATES, PROJECTION } from '../../training/hiddenLoss.ts';
import { distillationTraining, weightTraining, type DistillationSettings } from '../../training/trainingGraph.ts';
import { studentConfig } from '../../wid/spaces.ts';
import { usualOptimiser, wholeSchedule, type Phase, type PhaseContext } from './phase.ts';

/**
 * Steps on the student's own weights.
 * @param learnsFrom what they learn from the teacher, which then runs in the same graph; undefined = nothing
 */
export function ownWeightsPhase(
  { teacher, table, recipe, shape }: PhaseContext,
  steps: number,
  learnsFrom: DistillationSettings | undefined,
): Phase {
  const { config: theirs } = teacher.model;
  const config = studentConfig(theirs, table);
  const { weightDecay, accumulation, tableRank } = recipe;
  return {
    name: 'polish',
    schedule: wholeSchedule(recipe, steps, recipe.polishLearningRate),
    optimiser: usualOptimiser(recipe),
    graph: () =>
      learnsFrom === undefined
        ? weightTraining(config, shape, weightDecay, accumulation, tableRank)
        : distillationTraining(theirs, config, shape, weightDecay, learnsFrom, accumulation, tableRank),
    frozen: () => (learnsFrom === undefined ? new Map() : guideStates(teacher.model.tensors)),
    trained: ({ model, compactors }) => {
      if (model === undefined) throw new StudioError('run', 'run: there is no student to polish. Start the run again.');
      const tensors = new Map(factorise(model, tableRank));
      if (learnsFrom !== undefined && learnsFrom.hidden > 0)
        tensors.set(PROJECTION, freshProjection(config.hiddenSize, teacher.model.config.hiddenSize, recipe.seed));
      const kept = learnsFrom !== undefined && (learnsFrom.keptStates ?? 0) > 0 ? compactors.get(KEPT_STATES) : undefined;
      if (kept !== undefined) tensors.set(KEPT_STATES, kept);
      return tensors;
    },
    student: (_, trained) => Promise.resolve({ config, tensors: withWholeTables(config, tableRank, trained) }),
    norms: () => [],
  };
}
