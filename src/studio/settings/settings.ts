import { PLAIN_MASKING } from '../../tasks/plainMasking.ts';
import type { RateDecay } from '../../training/learningRate.ts';
import { PUBLISHED, type PaperSettings } from '../../wid/paper/settings.ts';
import type { ModelShape } from '../api/recipe.ts';
import type { DocumentsWish } from '../api/text.ts';
import { DEFAULT_MODE, isRead, MODE_TRAITS, MODES, STEPLESS } from './modes.ts';
import { SENTENCES_TASK, WORDS_TASK } from './tasks.ts';
import type { NumberSetting, Setting, TeacherTraits, ValuesOf } from './setting.ts';

/** Above this many weights in a teacher's layers their gradients and Adam's moments, 12 bytes each, want too much memory. */
const LEARNING_TEACHER = 2 ** 25;

/**
 * A large teacher's weights stay as they are, and its logits are not learned from: both would cost more than a student of
 * its shape has time and memory for. On the demo both help students at every budget (docs/results/quality.md).
 */
function isLarge({ shape: { layers, hiddenSize, intermediateSize } }: TeacherTraits): boolean {
  return layers * hiddenSize * (4 * hiddenSize + 2 * intermediateSize) > LEARNING_TEACHER;
}

/** Whether a student differs from its teacher by fewer layers alone: it starts next to its teacher. */
export function isOnlyShallower(teacher: ModelShape, student: ModelShape): boolean {
  return (
    student.hiddenSize === teacher.hiddenSize && student.heads === teacher.heads && student.intermediateSize === teacher.intermediateSize
  );
}

/**
 * The teacher's logits alone would hold a student there that starts next to its teacher: with half of the loss from the text
 * it passes the teacher. Narrower students gain by the logits (docs/results/quality.md).
 */
function logitShare({ shape }: TeacherTraits, student: ModelShape): number {
  return isOnlyShallower(shape, student) ? 0.5 : 1;
}

/**
 * Of guided compactors and the teacher's weights under them the best of four on half width; quarter width likes 4e-4 better.
 * Compactors that learn from the text alone are better at 1e-4 than at 2e-4 after 300 steps on half width; after 100, 5e-5
 * gains 0.01.
 */
const compactorRate = (teacher: TeacherTraits): number => (isLarge(teacher) ? 1e-4 : 2e-4);

/**
 * The widest solve of the calibration is over the FFN's neurons and wants several tokens each; on the demo teacher
 * 8 a neuron and 24 were as good after 40 steps (held-out loss 4.085 and 4.106).
 */
const CALIBRATION_TOKENS_PER_NEURON = 8;

/** No compactor has a side so long: all are trained whole. */
export const WHOLE_RANK = 65_536;

/** Whether a student learns vectors of sentences. */
export function embedsSentences({ task }: Pick<TeacherTraits, 'task'>): boolean {
  return task === SENTENCES_TASK;
}

/** Of counts; what is more was mistyped. */
const MOST = 1_000_000_000;

/**
 * Every setting of a recipe but the student's shape and the published method's own ({@link PAPER_SETTINGS}). Page, terminal,
 * address, session and stored files read this table; the record type comes from it. docs/adding-a-setting.md says how a row
 * is added.
 */
export const SETTINGS = {
  /** How a student is made (docs/method.md section 5): the name of a method in `studio/methods/`. Files record it. */
  mode: {
    kind: 'choice',
    label: 'Method',
    first: true,
    words: Object.fromEntries(Object.entries(MODE_TRAITS).map(([mode, { label }]) => [mode, label])),
    default: DEFAULT_MODE,
    option: '--mode <name>',
    help: `how to train: ${Object.entries(MODE_TRAITS)
      .map(([mode, { help }]) => `${mode} (${help})`)
      .join(', ')}`,
  },
  /** How compactors are calibrated: from the teacher's activations only, or layer by layer against the student built so far. */
  calibration: {
    kind: 'choice',
    label: 'Closed-form start',
    first: true,
    words: { 'one-pass': 'One pass, faster', sequential: 'Layer by layer' },
    default: 'sequential',
    option: '--calibration <name>',
    help: 'how compactors are solved',
  },
  /** Where `prune` and `distil` start: a plain selection, or the calibrated student. */
  start: {
    kind: 'choice',
    label: 'Baselines start',
    words: { selection: 'From a selection', calibrated: 'Calibrated' },
    default: 'calibrated',
    option: '--start <name>',
    help: `where ${MODES.filter((mode) => isRead({ mode }, 'start')).join(' and ')} start`,
  },
  /**
   * Which teacher layers a shallower student starts from. Teacher layers form equal groups: `first` takes the first of each,
   * `even` the last (an old name, kept for stored recipes), `mixture` learns a weighted sum of all layers, starting at `first`.
   */
  depth: {
    kind: 'choice',
    label: 'Fewer layers',
    words: { first: 'Evenly, from the first', even: 'Evenly, to the last', mixture: 'Learned mixtures' },
    default: 'first',
    earlier: 'even',
    option: '--depth <name>',
    help: "what fewer layers inherit: of each group of the teacher's layers the first, or the last (even), or learned mixtures",
  },
  /** How the rate falls to zero after warm-up: a straight line or half a cosine. */
  decay: {
    kind: 'choice',
    label: 'Rate falls',
    words: { linear: 'Straight line', cosine: 'Cosine' } satisfies Readonly<Record<RateDecay, string>>,
    default: 'linear',
    earlier: 'linear',
    option: '--decay <name>',
    help: 'how the rate falls to zero after warm-up',
  },
  /** A student of fewer layers alone keeps the teacher's one table: a second one makes it larger than the teacher, and no better. */
  tied: {
    kind: 'switch',
    task: WORDS_TASK,
    label: 'Tie the decoder to the word table',
    noun: 'tied decoder',
    default: (teacher, student) => embedsSentences(teacher) || (isOnlyShallower(teacher.shape, student) && teacher.tiedDecoder),
    option: '--tied',
    help: "one table for word embeddings and decoder (default: if only layers go and it is the teacher's)",
    noHelp: 'a decoder of its own',
  },
  /**
   * Tokens that stay of the teacher's vocabulary, cut by the run's text; 0 leaves it whole. With `vocabularyText`, those that stay
   * beyond the text's. The legal range depends on teacher and text (`cutTeacher`).
   */
  vocabulary: {
    kind: 'number',
    label: 'Vocabulary',
    noun: 'tokens of the vocabulary',
    apart: true,
    whole: true,
    least: 0,
    most: MOST,
    default: 0,
    earlier: 0,
    option: '--vocabulary <n>',
    help: "cut the teacher's vocabulary to this many tokens: special ones, single characters, and those that the text uses most; 0 leaves it whole",
  },
  /** Every token that the text uses stays, and `vocabulary` more. */
  vocabularyText: {
    kind: 'switch',
    label: 'All words of the text, and so many more',
    noun: 'all tokens of the text',
    apart: true,
    default: false,
    earlier: false,
    option: '--vocabulary-text',
    help: 'cut the vocabulary to the tokens of the text, and to as many more, the most usual ones, as --vocabulary says',
  },
  /** Mask all pieces of a word together while training. */
  wholeWords: {
    kind: 'switch',
    task: WORDS_TASK,
    label: 'Mask whole words',
    default: PLAIN_MASKING.wholeWords,
    earlier: false,
    option: '--whole-words',
    help: 'mask all pieces of a word together',
  },
  /** 0 leaves the start as the student, in methods whose start is one (`needsSteps` in modes.ts). */
  steps: {
    kind: 'number',
    label: 'Steps',
    first: true,
    whole: true,
    least: 0,
    most: MOST,
    default: 100,
    option: '--steps <n>',
    help: `optimiser steps; 0 leaves the closed-form start as it is (${STEPLESS.join(', ')})`,
  },
  /** Sequences in one optimiser step. */
  batch: {
    kind: 'number',
    label: 'Batch',
    noun: 'sequences a step',
    first: true,
    whole: true,
    least: 1,
    most: 65_536,
    lean: 1,
    default: (teacher) => (embedsSentences(teacher) ? 20 : 16),
    option: '--batch <n>',
    help: 'sequences a step (default: 16, 20 for sentence vectors)',
  },
  /** Tokens in one sequence; the shortest has a token between the two that every sequence begins and ends with. */
  sequence: {
    kind: 'number',
    label: 'Length',
    noun: 'tokens a sequence',
    first: true,
    whole: true,
    least: 3,
    most: 'positions',
    default: (teacher) => Math.min(embedsSentences(teacher) ? 64 : 128, teacher.maxPositions),
    option: '--sequence <n>',
    help: "tokens a sequence (default: 128, 64 for sentence vectors, or the teacher's positions if they are fewer)",
  },
  /**
   * How documents lie in sequences. `apart`: each with its own [CLS] and [SEP], positions that begin anew, and attention within it.
   * `joined`: running text without a mark between them. `auto`: as the teacher predicts better on held-out documents; a run records
   * which of the two it was.
   */
  documents: {
    kind: 'choice',
    task: WORDS_TASK,
    label: 'Documents',
    first: true,
    words: {
      auto: 'As the teacher reads better',
      apart: 'Apart from each other',
      joined: 'Joined to running text',
    } satisfies Readonly<Record<DocumentsWish, string>>,
    default: (teacher) => (embedsSentences(teacher) ? 'apart' : 'auto'),
    earlier: 'joined',
    option: '--documents <name>',
    help: 'how documents lie in sequences: apart from each other, joined to running text, or as the teacher predicts better (auto)',
  },
  evaluateEvery: {
    kind: 'number',
    label: 'Evaluate every',
    noun: 'evaluation every',
    first: true,
    whole: true,
    least: 1,
    most: MOST,
    default: 25,
    option: '--evaluate-every <n>',
    help: 'steps between looks at held-out text',
  },
  compactorLearningRate: {
    kind: 'number',
    label: 'Compactor rate',
    first: true,
    least: 0,
    above: true,
    default: compactorRate,
    option: '--compactor-rate <rate>',
    help: 'peak learning rate of the compactors (default: 2e-4, 1e-4 for large teachers)',
  },
  polishLearningRate: {
    kind: 'number',
    label: 'Own-weights rate',
    first: true,
    least: 0,
    above: true,
    default: 1e-4,
    option: '--polish-rate <rate>',
    help: "peak learning rate of the student's own weights, in polishing and in the baselines",
  },
  seed: {
    kind: 'number',
    label: 'Seed',
    first: true,
    whole: true,
    least: 0,
    most: Number.MAX_SAFE_INTEGER,
    default: 1,
    option: '--seed <n>',
    help: 'the same seed and recipe give the same run',
  },
  /** Share of the steps, 0 to 1, that trains compactors; the rest polishes the student's own weights. */
  compactorShare: {
    kind: 'number',
    label: 'Compactor share',
    least: 0,
    most: 1,
    // The shortest search for sentence vectors (docs/sentences.md) was on the student's own weights alone.
    default: (teacher) => (embedsSentences(teacher) ? 0 : 1),
    option: '--compactor-share <share>',
    help: 'share of the steps that trains compactors, the rest polishes (0 to 1; default: 1, 0 for sentence vectors)',
  },
  /** `progressive` only: share of the steps, 0 to 1, over which the gates close; the rest polishes. */
  rampShare: {
    kind: 'number',
    label: 'Gates close over',
    least: 0,
    most: 1,
    default: 0.5,
    earlier: 0.5,
    option: '--ramp-share <share>',
    help: 'progressive: share of the steps over which gates close (0 to 1)',
  },
  /**
   * `calibrated` only: rank of what training adds to the compactors' closed forms. A compactor whose shorter side is no longer is
   * trained whole, as are those inside heads. A low rank takes less memory and time a step.
   */
  rank: {
    kind: 'number',
    label: 'Compactor rank',
    noun: 'rank of compactors',
    whole: true,
    least: 0,
    most: WHOLE_RANK,
    lean: 32,
    default: WHOLE_RANK,
    earlier: WHOLE_RANK,
    option: '--rank <n>',
    help: `calibrated: rank of what training adds to compactors (default: ${WHOLE_RANK}, which trains them whole); low ranks take less memory and time`,
  },
  /**
   * Rank of the tables of words while the student's own weights are trained: each is then two factors, which are exported as one
   * table. A table whose shorter side is no longer is trained whole.
   */
  tableRank: {
    kind: 'number',
    label: 'Table rank',
    noun: 'rank of tables',
    whole: true,
    least: 1,
    most: WHOLE_RANK,
    default: WHOLE_RANK,
    earlier: WHOLE_RANK,
    option: '--table-rank <n>',
    help: `rank of the tables of words while the student's own weights are trained (default: ${WHOLE_RANK}, which trains them whole); they are exported as one table`,
  },
  /** Learning rate of the teacher's own weights under the compactors; 0 freezes them, the default for large teachers. */
  teacherLearningRate: {
    kind: 'number',
    label: 'Teacher rate',
    least: 0,
    default: (teacher) => (isLarge(teacher) ? 0 : compactorRate(teacher)),
    earlier: 0,
    option: '--teacher-rate <rate>',
    help: "calibrated: peak learning rate of the teacher's own weights; 0 leaves them (default: as the compactors, 0 for large teachers)",
  },
  /**
   * `calibrated` only: share of the loss, 0 to 1, that comes from the teacher's logits, in both phases. It costs the teacher's
   * forward pass in every step. The default for large teachers is 0, as in the paper.
   */
  guidance: {
    kind: 'number',
    task: WORDS_TASK,
    label: "Teacher's logits",
    least: 0,
    most: 1,
    lean: 0,
    default: (teacher, student) => (isLarge(teacher) || embedsSentences(teacher) ? 0 : logitShare(teacher, student)),
    earlier: 0,
    option: '--guidance <share>',
    help: "calibrated: share of the loss that comes from the teacher's logits; 0 is the paper's (default: 1, 0.5 if only layers go, 0 for large teachers)",
  },
  /** Share of the steps spent in linear warm-up, 0 to 1. */
  warmup: {
    kind: 'number',
    label: 'Warm-up share',
    least: 0,
    most: 1,
    default: 0.1,
    option: '--warmup <share>',
    help: 'share of the steps spent in linear warm-up (0 to 1)',
  },
  /**
   * Steps that warm-up takes at least. Adam's first updates are their signs: at the peak rate, a run of one step would move every
   * weight by it.
   */
  warmupSteps: {
    kind: 'number',
    label: 'Warm-up at least',
    noun: 'steps of warm-up',
    whole: true,
    least: 1,
    most: MOST,
    default: 10,
    earlier: 1,
    option: '--warmup-steps <n>',
    help: 'steps that warm-up takes at least, also in short runs',
  },
  /** Number of micro-batches per step. More need less memory and give the same step. All of them share one merge. */
  accumulation: {
    kind: 'number',
    label: 'Micro-batches',
    whole: true,
    least: 1,
    most: 65_536,
    default: 1,
    earlier: 1,
    option: '--accumulate <n>',
    help: 'cut the sequences of a step into this many parts: less memory, the same step',
  },
  /**
   * Share of tokens, 0 to 1, that a batch predicts if the teacher's answers are learned from: those that are masked, and others
   * where they can be seen, which have its answers too. 0, or less than is masked: the masked ones alone.
   */
  predicted: {
    kind: 'number',
    task: WORDS_TASK,
    label: 'Predicted share',
    noun: 'predicted share',
    least: 0,
    most: 1,
    default: 0,
    earlier: 0,
    option: '--predicted <share>',
    help: "calibrated and distil: share of tokens that learn from the teacher's answers, masked or not; below the masked share, the masked ones alone",
  },
  /** Share of tokens that a training batch masks and predicts, above 0 to 1; held-out numbers always predict 15 %. */
  masking: {
    kind: 'number',
    task: WORDS_TASK,
    label: 'Masked share',
    least: 0,
    above: true,
    most: 1,
    default: PLAIN_MASKING.probability,
    earlier: 0.15,
    option: '--masking <share>',
    help: 'share of tokens that a training batch masks and predicts (above 0 to 1)',
  },
  /** AdamW's, on matrices and tables alone. */
  weightDecay: {
    kind: 'number',
    label: 'Weight decay',
    least: 0,
    default: 0.01,
    option: '--weight-decay <n>',
    help: "AdamW's weight decay, on matrices only",
  },
  /** AdamW's: what a step leaves of the second moments. Its half-life is log(0.5) / log(beta2) steps, 34 for 0.98. */
  beta2: {
    kind: 'number',
    label: 'Adam beta2',
    least: 0,
    most: 0.999_999,
    default: 0.98,
    earlier: 0.98,
    option: '--beta2 <n>',
    help: "AdamW's beta2, what a step leaves of the second moments",
  },
  /** Norm that the gradient of all weights is cut to. */
  clipNorm: {
    kind: 'number',
    label: 'Clip norm',
    noun: 'clipping norm',
    least: 0,
    above: true,
    default: 1,
    option: '--clip <norm>',
    help: 'gradients are clipped to this norm',
  },
  /** Tokens gathered for calibration. */
  calibrationTokens: {
    kind: 'number',
    label: 'Calibration tokens',
    whole: true,
    least: 1,
    most: MOST,
    default: ({ shape }) => Math.max(4096, CALIBRATION_TOKENS_PER_NEURON * shape.intermediateSize),
    option: '--calibration-tokens <n>',
    help: 'tokens read for calibration (default: 8 for each neuron of the FFN, at least 4096)',
  },
  /**
   * `distil`, and `calibrated` with guidance: softens both distributions. With the shares above the best of four losses at
   * quarter width and of two at half width (docs/results/quality.md).
   */
  distillationTemperature: {
    kind: 'number',
    task: WORDS_TASK,
    label: 'Temperature',
    least: 0,
    above: true,
    default: 1,
    option: '--temperature <n>',
    help: 'distil, and calibrated with guidance: softens both distributions',
  },
  /** `distil` only: share of the loss, 0 to 1, that comes from the teacher's logits. */
  distillationShare: {
    kind: 'number',
    task: WORDS_TASK,
    label: 'Teacher share',
    least: 0,
    most: 1,
    default: logitShare,
    option: '--distillation-share <share>',
    help: "distil: share of the loss that comes from the teacher's logits (default: 1, 0.5 if only layers go)",
  },
  /** `distil` only: weight of the mean square difference of hidden states, after a learned projection; 0 leaves it out. */
  distillationHidden: {
    kind: 'number',
    label: 'Hidden states',
    least: 0,
    lean: 0,
    default: 0,
    earlier: 0,
    option: '--distillation-hidden <weight>',
    help: 'distil: weight of the difference of hidden states, through a learned projection',
  },
  /** Sentences in one optimiser step, at most: as many as find room in its sequences. Sentence vectors only. */
  sentences: {
    kind: 'number',
    task: SENTENCES_TASK,
    label: 'Sentences',
    noun: 'sentences a step',
    whole: true,
    least: 1,
    most: 65_536,
    default: 64,
    earlier: 64,
    option: '--sentences <n>',
    help: 'sentence vectors: sentences a step, at most',
  },
  /** Weight of the mean squared difference of cosines within a batch, beside 1 - cosine. Sentence vectors only. */
  likeness: {
    kind: 'number',
    task: SENTENCES_TASK,
    label: 'Likeness',
    least: 0,
    default: 0,
    earlier: 0,
    option: '--likeness <weight>',
    help: 'sentence vectors: weight of the differences of cosines within a batch',
  },
  /**
   * `calibrated` only: weight of the mean square difference of hidden states at the dimensions that the student keeps. The teacher then
   * runs in every step.
   */
  keptStates: {
    kind: 'number',
    label: 'Kept states',
    noun: 'kept states',
    least: 0,
    lean: 0,
    default: 0,
    earlier: 0,
    option: '--kept-states <weight>',
    help: 'calibrated: weight of the difference of hidden states at the kept dimensions',
  },
} as const satisfies Readonly<Record<string, Setting>>;

export type SettingName = keyof typeof SETTINGS;

/** What the table says, as a record. */
export type Settings = ValuesOf<typeof SETTINGS>;

/** Settings of the published method alone, in a recipe's `paper`. */
export const PAPER_SETTINGS = {
  compactorLearningRate: {
    kind: 'number',
    label: 'Compactor rate',
    least: 0,
    above: true,
    default: PUBLISHED.compactorLearningRate,
  },
  weightLearningRate: { kind: 'number', label: 'Weight rate', least: 0, default: PUBLISHED.weightLearningRate },
  maskEvery: { kind: 'number', label: 'Mask every', whole: true, least: 0, most: MOST, default: PUBLISHED.maskEvery },
  penalty: { kind: 'number', label: 'Penalty', least: 0, default: PUBLISHED.penalty },
  warmup: { kind: 'number', label: 'Warm-up share', least: 0, most: 1, default: PUBLISHED.warmup },
  weightDecay: { kind: 'number', label: 'Weight decay', least: 0, default: PUBLISHED.weightDecay },
} as const satisfies Readonly<Record<keyof PaperSettings, NumberSetting>>;
