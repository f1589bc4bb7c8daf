import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Recipe } from '../studio/api/recipe.ts';
import { isRead, MODES } from '../studio/settings/modes.ts';
import { notNegative, positive, whole } from './usage.ts';

/** Options that decide how a student is trained; each overrides one number of the recipe. */
export interface TrainingOptions {
  readonly compactorRate?: number;
  readonly polishRate?: number;
  readonly compactorShare?: number;
  readonly warmup?: number;
  readonly decay?: Recipe['decay'];
  readonly weightDecay?: number;
  readonly clip?: number;
  readonly accumulate?: number;
  readonly masking?: number;
  readonly wholeWords?: true;
  readonly calibration?: Recipe['calibration'];
  readonly calibrationTokens?: number;
  readonly start?: Recipe['start'];
  readonly temperature?: number;
  readonly distillationShare?: number;
  readonly distillationHidden?: number;
  readonly evaluateEvery?: number;
  readonly teacherRate?: number;
  readonly guidance?: number;
  readonly depth?: Recipe['depth'];
  readonly rampShare?: number;
}

/** A number from 0 to 1, for commander. */
function share(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1)) throw new InvalidArgumentError(`Expected a share from 0 to 1, got ${text}.`);
  return value;
}

export function trainingOptions(command: Command): Command {
  return command
    .option('--compactor-rate <rate>', 'peak learning rate of the compactors', positive)
    .option('--polish-rate <rate>', "peak learning rate of the student's own weights, in polishing and in the baselines", positive)
    .option('--compactor-share <share>', 'share of the steps that trains compactors, the rest polishes (0 to 1)', share)
    .option('--warmup <share>', 'share of the steps spent in linear warm-up (0 to 1)', share)
    .addOption(new Option('--decay <name>', 'how the rate falls to zero after warm-up').choices(['linear', 'cosine']))
    .option('--weight-decay <n>', "AdamW's weight decay, on matrices only", share)
    .option('--clip <norm>', 'gradients are clipped to this norm', positive)
    .option('--accumulate <n>', 'cut the sequences of a step into this many parts: less memory, the same step', whole(1))
    .option('--masking <share>', 'share of tokens that a training batch predicts (0 to 1)', share)
    .option('--whole-words', 'mask all pieces of a word together')
    .addOption(new Option('--calibration <name>', 'how compactors are solved').choices(['one-pass', 'sequential']))
    .option('--calibration-tokens <n>', 'tokens read for calibration', whole(1))
    .addOption(
      new Option('--start <name>', `where ${MODES.filter((mode) => isRead({ mode }, 'start')).join(' and ')} start`).choices([
        'selection',
        'calibrated',
      ]),
    )
    .option('--temperature <n>', 'distil, and calibrated with guidance: softens both distributions', positive)
    .option('--distillation-share <share>', "distil: share of the loss that comes from the teacher's logits (0 to 1)", share)
    .option('--distillation-hidden <weight>', 'distil: weight of the difference of hidden states, through a learned projection', positive)
    .option(
      '--teacher-rate <rate>',
      "calibrated: peak learning rate of the teacher's own weights; 0 leaves them (default: as the compactors, 0 for large teachers)",
      notNegative,
    )
    .option(
      '--guidance <share>',
      "calibrated: share of the loss that comes from the teacher's logits; 0 is the paper's (default: 1, 0.5 where only layers go, 0 for large teachers)",
      share,
    )
    .addOption(
      new Option(
        '--depth <name>',
        "what fewer layers inherit: of each group of the teacher's layers the first, or the last (even), or learned mixtures (default: first)",
      ).choices(['first', 'even', 'mixture']),
    )
    .option('--ramp-share <share>', 'progressive: share of the steps over which gates close (0 to 1)', share)
    .option('--evaluate-every <n>', 'steps between looks at held-out text', whole(1));
}

/** The recipe's fields that were given. */
export function trainingWish(options: TrainingOptions): Partial<Recipe> {
  const given = {
    compactorLearningRate: options.compactorRate,
    polishLearningRate: options.polishRate,
    compactorShare: options.compactorShare,
    warmup: options.warmup,
    decay: options.decay,
    weightDecay: options.weightDecay,
    clipNorm: options.clip,
    accumulation: options.accumulate,
    masking: options.masking,
    wholeWords: options.wholeWords,
    calibration: options.calibration,
    calibrationTokens: options.calibrationTokens,
    start: options.start,
    distillationTemperature: options.temperature,
    distillationShare: options.distillationShare,
    distillationHidden: options.distillationHidden,
    evaluateEvery: options.evaluateEvery,
    teacherLearningRate: options.teacherRate,
    guidance: options.guidance,
    depth: options.depth,
    rampShare: options.rampShare,
  } satisfies { readonly [name in keyof Recipe]?: Recipe[name] | undefined };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
