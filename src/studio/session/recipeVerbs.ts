import { blueprintOf } from '../../models/blueprint.ts';
import type { BertConfig } from '../../models/config.ts';
import { countParameters, countVocabulary } from '../../models/model.ts';
import { studentConfig } from '../../wid/spaces.ts';
import { presetsOf, studentFor } from '../recipe/presets.ts';
import { defaultRecipe, recipeTable } from '../recipe/recipe.ts';
import { stepCosts } from '../methods/stepCost.ts';
import type { PlanReport } from '../api/cost.ts';
import type { Beginnings, ModelShape, Recipe } from '../api/recipe.ts';
import type { VocabularyWish } from '../api/text.ts';
import type { TeacherReport } from '../api/teacher.ts';
import type { StudioApi } from '../studioApi.ts';
import { isCutAs } from '../teacher/cutTeacher.ts';
import type { Teacher } from '../teacher/teacher.ts';
import { attempt, type SessionState } from './sessionState.ts';

/** What could be run, and what it would cost. */
export function recipeVerbs(state: SessionState): Pick<StudioApi, 'defaults' | 'beginnings' | 'student' | 'plan' | 'stepCosts'> {
  return {
    defaults: (student) => attempt(() => defaultRecipe(state.needTeacher().report, student)),
    beginnings: () => attempt(() => beginningsOf(state.needTeacher().report)),
    student: (wish, tied) => attempt(() => studentFor(state.needTeacher().model.config, tied, wish)),
    plan: (recipe) => attempt(() => planStudent(state.needTeacher(), recipe)),
    stepCosts: (recipe) => attempt(() => stepCosts(state.needTeacher(), recipe)),
  };
}

export function beginningsOf(teacher: TeacherReport): Beginnings {
  const { wholeHeads: _, ...sizes } = teacher.shape;
  return {
    presets: presetsOf(teacher.shape),
    byShape: { onlyShallower: defaultRecipe(teacher, sizes), narrower: defaultRecipe(teacher) },
  };
}

/** A teacher as large as a cut would leave it, for counting alone. */
function withVocabulary(teacher: Teacher, { vocabulary, vocabularyText }: VocabularyWish): Teacher {
  const whole = teacher.cut?.before ?? teacher.model.config.vocabSize;
  const kept = vocabulary + (vocabularyText ? (teacher.cut?.by?.ofText ?? whole) : 0);
  const vocabSize = kept === 0 ? whole : Math.min(whole, kept);
  return { ...teacher, model: { ...teacher.model, config: { ...teacher.model.config, vocabSize } } };
}

/** Multiply-adds of one token through the encoder and, for a predicted token, the head. */
function multiplyAdds(config: BertConfig, shape: ModelShape, vocabulary: number, sequence: number, predictedShare: number): number {
  const d = shape.hiddenSize;
  const ffn = blueprintOf(config)
    .layer(0)
    .filter(({ writes, reads }) => writes === 'ffn' || reads === 'ffn').length;
  const perLayer = 4 * d * d + ffn * d * shape.intermediateSize + 2 * d * sequence;
  return shape.layers * perLayer + predictedShare * (d * d + d * vocabulary);
}

/** @param recipe may wish for a vocabulary that no text has cut yet: it is counted as if it were */
function planStudent(loaded: Teacher, recipe: Recipe): PlanReport {
  const teacher = isCutAs(loaded, recipe) ? loaded : withVocabulary(loaded, recipe);
  const wholeSize = loaded.cut?.before ?? loaded.model.config.vocabSize;
  const table = recipeTable(teacher, recipe);
  const config = studentConfig(teacher.model.config, table);
  const parameters = countParameters(config);
  return {
    parameters,
    vocabularyParameters: countVocabulary(config),
    teacherParameters: loaded.cut?.parametersBefore ?? loaded.report.parameters,
    bytesFp32: 4 * parameters,
    bytesFp16: 2 * parameters,
    bytesInt8: parameters,
    multiplyAddsPerToken: multiplyAdds(config, recipe.student, config.vocabSize, recipe.sequence, 0.15),
    teacherMultiplyAddsPerToken: multiplyAdds(config, teacher.report.shape, wholeSize, recipe.sequence, 0.15),
    layerMap: table.layerMap,
  };
}
