import type { StepShape, Task, TaskSettings, TaskStream } from '../../tasks/task.ts';
import type { Splits } from '../../text/corpus.ts';
import { layerMapOf, spacesOf, spaceTable, type LayerRule, type SpaceTable } from '../../wid/spaces.ts';
import { presetShape, requireLegal } from './presets.ts';
import { vectorWidth } from '../../models/sentencePooling.ts';
import { taskText } from '../teacher/sentenceTeacher.ts';
import { shapeOf } from '../teacher/teacherShape.ts';
import { isRead, traitsOf } from '../settings/modes.ts';
import { defaultsOf, type TeacherTraits } from '../settings/setting.ts';
import { PAPER_SETTINGS, SETTINGS, WHOLE_RANK } from '../settings/settings.ts';
import type { ModelShape, Recipe } from '../api/recipe.ts';
import type { Teacher } from '../teacher/teacher.ts';

/**
 * The recipe that a run starts from when nothing else is said.
 *
 * @param student its shape; `half` if none is given
 */
export function defaultRecipe(teacher: TeacherTraits, student: ModelShape = presetShape(teacher.shape, 'half')): Recipe {
  return { student, ...defaultsOf(SETTINGS, teacher, student), paper: defaultsOf(PAPER_SETTINGS, teacher, student) };
}

/** The settings that a task reads: tokens that are not hidden are predicted only where the teacher's answers are learned from. */
export function taskSettings(recipe: Recipe): TaskSettings {
  const guided = isRead(recipe, 'guidance') ? recipe.guidance > 0 : isRead(recipe, 'distillationShare') && recipe.distillationShare > 0;
  return {
    masking: recipe.masking,
    wholeWords: recipe.wholeWords,
    predicted: guided ? recipe.predicted : 0,
    sentences: Math.ceil(recipe.sentences / recipe.accumulation),
  };
}

/** Whether tables of words are trained as two factors. */
export function factorisesTables(recipe: Pick<Recipe, 'mode' | 'tableRank'>): boolean {
  return isRead(recipe, 'tableRank') && recipe.tableRank < WHOLE_RANK;
}

/** One micro-batch of a step, which is what the training graph and the calibration see at once. */
export function stepShape(task: Task, recipe: Recipe): StepShape {
  const size = { batch: recipe.batch / recipe.accumulation, sequence: recipe.sequence };
  return { task, ...size, slots: task.slots(size, taskSettings(recipe)), likeness: recipe.likeness };
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
    teacher.sentences === undefined ? undefined : vectorWidth(teacher.sentences.modules.pooling, teacher.model.config.hiddenSize),
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
  teacher: Pick<Teacher, 'task' | 'tokenizer' | 'sentences' | 'model'>,
  corpus: Splits,
  recipe: Recipe,
): TaskStream {
  const { task } = teacher;
  return task.stream(taskText(teacher, corpus, 'train'), stepShape(task, recipe), recipe.accumulation, recipe.seed, taskSettings(recipe));
}
