import { longestSequence } from '../../models/model.ts';
import { StudioError } from '../../tensor/studioError.ts';
import { RATE_DECAYS } from '../../training/learningRate.ts';
import type { Recipe } from '../api/recipe.ts';
import { DEFAULT_MODE, MODES, traitsOf } from '../settings/modes.ts';
import type { Teacher } from '../teacher/teacher.ts';

/**
 * @param modes names of the methods that there are
 * @throws StudioError naming the first setting that makes no run
 */
export function checkRecipe(teacher: Teacher, recipe: Recipe, modes: readonly string[] = MODES): void {
  const refuse = (what: string, expected: string, got: number): never => {
    throw new StudioError('recipe', `recipe: ${what} — expected ${expected}, got ${got}.`, { recipe });
  };
  const word = <Word extends string>(what: string, value: Word, words: readonly Word[]): void => {
    if (!words.includes(value))
      throw new StudioError('recipe', `recipe: ${what} — expected ${words.join(', ')}, got ${value}.`, { recipe });
  };
  const whole = (what: string, value: number, least: number): void => {
    if (!Number.isInteger(value) || value < least) refuse(what, `a whole number from ${least}`, value);
  };
  const share = (what: string, value: number): void => {
    if (!(value >= 0 && value <= 1)) refuse(what, 'a share from 0 to 1', value);
  };
  word('mode', recipe.mode, modes);
  word('start', recipe.start, ['selection', 'calibrated']);
  word('depth', recipe.depth, ['first', 'even', 'mixture']);
  word('decay', recipe.decay, RATE_DECAYS);
  word('calibration', recipe.calibration, ['one-pass', 'sequential']);
  whole('steps', recipe.steps, 0);
  whole('batch', recipe.batch, 1);
  whole('sequence length', recipe.sequence, 3);
  whole('accumulation', recipe.accumulation, 1);
  if (recipe.batch % recipe.accumulation !== 0)
    refuse('accumulation', `parts of the same size out of ${recipe.batch} sequences a step`, recipe.accumulation);
  whole('evaluation interval', recipe.evaluateEvery, 1);
  whole('calibration tokens', recipe.calibrationTokens, 1);
  share('share of compactor training', recipe.compactorShare);
  share('share of warm-up', recipe.warmup);
  share('share of closing gates', recipe.rampShare);
  share('share of masked tokens', recipe.masking);
  if (recipe.masking === 0) refuse('share of masked tokens', 'a share above 0', 0);
  share('share of distillation', recipe.distillationShare);
  share('guidance', recipe.guidance);
  for (const [what, value] of [
    ['compactor learning rate', recipe.compactorLearningRate],
    ['polish learning rate', recipe.polishLearningRate],
    ['clipping norm', recipe.clipNorm],
    ['distillation temperature', recipe.distillationTemperature],
  ] as const)
    if (!(value > 0 && Number.isFinite(value))) refuse(what, 'a number above 0', value);
  const { paper } = recipe;
  for (const [what, value] of [
    ['weight of hidden states', recipe.distillationHidden],
    ["learning rate of the teacher's weights", recipe.teacherLearningRate],
    ['weight decay', recipe.weightDecay],
    ['penalty', paper.penalty],
    ["learning rate of the teacher's weights in paper mode", paper.weightLearningRate],
    ['weight decay in paper mode', paper.weightDecay],
  ] as const)
    if (!(value >= 0 && Number.isFinite(value))) refuse(what, 'a number from 0', value);
  whole('mask interval', paper.maskEvery, 0);
  share('share of warm-up in paper mode', paper.warmup);
  if (!(paper.compactorLearningRate > 0)) refuse('compactor learning rate in paper mode', 'a number above 0', paper.compactorLearningRate);
  if (traitsOf(recipe).ownDecoder === true && recipe.tied)
    throw new StudioError(
      'recipe',
      `recipe: tied — expected an untied decoder in ${recipe.mode} mode, whose decoder has a compactor of its own, got tied. Choose untied, or mode ${DEFAULT_MODE}.`,
      { recipe },
    );
  if (recipe.sequence > longestSequence(teacher.model.config))
    refuse('sequence length', `at most the ${longestSequence(teacher.model.config)} positions that the teacher knows`, recipe.sequence);
}
