import { PLAIN_MASKING } from '../../tasks/maskedWords.ts';
import type { StepShape, Task, TaskStream } from '../../tasks/task.ts';
import type { Corpus } from '../../text/corpus.ts';
import { PUBLISHED } from '../../wid/paper/settings.ts';
import { layerMapOf, spacesOf, spaceTable, type LayerRule, type SpaceTable } from '../../wid/spaces.ts';
import { presetShape, requireLegal, shapeOf } from './presets.ts';
import { DEFAULT_MODE, traitsOf } from '../settings/modes.ts';
import type { ModelShape, Recipe, ShapeDefaults } from '../api/recipe.ts';
import type { TeacherReport } from '../api/teacher.ts';
import type { Teacher } from '../teacher/teacher.ts';

const DEFAULT_SEQUENCE = 128;

/**
 * The widest solve of the calibration is over the FFN's neurons and wants several tokens each; on the demo teacher
 * 8 a neuron and 24 were as good after 40 steps (held-out loss 4.085 and 4.106).
 */
const CALIBRATION_TOKENS_PER_NEURON = 8;

/** Of compactors that learn from the text alone: better than 2e-4 after 300 steps on half width; after 100, 5e-5 gains 0.01. */
const COMPACTOR_RATE = 1e-4;
/** Of guided ones and the teacher's weights under them: the best of four on half width; quarter width likes 4e-4 better. */
const GUIDED_RATE = 2e-4;

/** Above this many weights in a teacher's layers their gradients and Adam's moments, 12 bytes each, want too much memory. */
const LEARNING_TEACHER = 2 ** 25;

/**
 * A large teacher's weights stay as they are, and its logits are not learned from: both would cost more than a student of
 * its shape has time and memory for. On the demo both help students at every budget (docs/results/quality.md).
 */
function isLarge({ layers, hiddenSize, intermediateSize }: ModelShape): boolean {
  return layers * hiddenSize * (4 * hiddenSize + 2 * intermediateSize) > LEARNING_TEACHER;
}

/** What the default recipe needs to know of a teacher. */
export type TeacherTraits = Pick<TeacherReport, 'shape' | 'maxPositions' | 'tiedDecoder'>;

/**
 * What follows from a student's shape (figures in docs/results/quality.md). One that only has fewer layers starts next to
 * its teacher. The logits alone would hold it there: with half of the loss from the text it passes the teacher. And it
 * keeps the teacher's one table for words and decoder: a second one makes it larger than the teacher, and no better.
 * Narrower students gain by both, the logits and a decoder that is fitted apart.
 */
function shapeDefaults({ shape: teacher, tiedDecoder }: TeacherTraits, student: ModelShape): ShapeDefaults {
  const { hiddenSize, heads, intermediateSize } = teacher;
  const isOnlyShallower = student.hiddenSize === hiddenSize && student.heads === heads && student.intermediateSize === intermediateSize;
  const distillationShare = isOnlyShallower ? 0.5 : 1;
  return { guidance: isLarge(teacher) ? 0 : distillationShare, distillationShare, tied: isOnlyShallower && tiedDecoder };
}

/**
 * The recipe that a run starts from when nothing else is said.
 *
 * @param student its shape; `half` where none is given
 */
export function defaultRecipe(teacher: TeacherTraits, student: ModelShape = presetShape(teacher.shape, 'half')): Recipe {
  const large = isLarge(teacher.shape);
  const rate = large ? COMPACTOR_RATE : GUIDED_RATE;
  return {
    mode: DEFAULT_MODE,
    start: 'calibrated',
    student,
    ...shapeDefaults(teacher, student),
    steps: 100,
    batch: 16,
    sequence: Math.min(DEFAULT_SEQUENCE, teacher.maxPositions),
    compactorShare: 1,
    compactorLearningRate: rate,
    teacherLearningRate: large ? 0 : rate,
    depth: 'first',
    paper: PUBLISHED,
    rampShare: 0.5,
    polishLearningRate: 1e-4,
    warmup: 0.1,
    decay: 'linear',
    accumulation: 1,
    masking: PLAIN_MASKING.probability,
    wholeWords: false,
    weightDecay: 0.01,
    clipNorm: 1,
    calibration: 'sequential',
    calibrationTokens: Math.max(4096, CALIBRATION_TOKENS_PER_NEURON * teacher.shape.intermediateSize),
    // With the shares above the best of four losses at quarter width and of two at half width (docs/results/quality.md).
    distillationTemperature: 1,
    distillationHidden: 0,
    evaluateEvery: 25,
    seed: 1,
  };
}

/** One micro-batch of a step, which is what the training graph and the calibration see at once. */
export function stepShape(task: Task, recipe: Recipe): StepShape {
  const size = { batch: recipe.batch / recipe.accumulation, sequence: recipe.sequence };
  return { task, ...size, slots: task.slots(size, recipe) };
}

/** What is judged at once. */
export function judgedShape(task: Task, { batch, accumulation, sequence }: Recipe): StepShape {
  const size = { batch: batch / accumulation, sequence };
  return { task, ...size, slots: task.slots(size) };
}

/** An early look, so that a user sees within seconds whether a run learns. */
const FIRST_LOOK = 5;

/** Whether the student is judged on held-out text after `step` steps; the start and the end are judged always. */
export function observedAt({ steps, evaluateEvery }: Recipe, step: number): boolean {
  return step < steps && (step % evaluateEvery === 0 || step === FIRST_LOOK);
}

/** The spaces of a recipe's student. @throws StudioError naming the nearest legal students where it is not one */
export function recipeTable(teacher: Teacher, recipe: Recipe): SpaceTable {
  const { student } = recipe;
  requireLegal(shapeOf(teacher.model.config), student);
  return spaceTable(
    spacesOf(teacher.model.config),
    {
      residual: student.hiddenSize,
      heads: student.heads,
      headSize: student.headSize,
      inner: student.intermediateSize,
      layers: student.layers,
    },
    recipe.tied,
    layerRule(recipe),
    traitsOf(recipe).mixtures === true && recipe.depth === 'mixture',
  );
}

/** Learned mixtures begin where the default does. */
function layerRule({ depth }: Pick<Recipe, 'depth'>): LayerRule {
  return depth === 'even' ? 'last' : 'first';
}

/** Teacher layer, from 0, of every layer of a student. */
export function recipeLayers(teacher: { readonly layers: number }, recipe: Pick<Recipe, 'student' | 'depth'>): number[] {
  return layerMapOf(teacher.layers, recipe.student.layers, layerRule(recipe));
}

/** The batches that a run trains on, in the order that its seed gives. */
export function trainingStream(
  { task, tokenizer }: Pick<Teacher, 'task' | 'tokenizer'>,
  { train }: Pick<Corpus, 'train'>,
  recipe: Recipe,
): TaskStream {
  const text = { sequences: train, sequence: recipe.sequence, tokenizer };
  return task.stream(text, stepShape(task, recipe), recipe.accumulation, recipe.seed, recipe);
}
