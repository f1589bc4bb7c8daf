import { countParameters } from '../../models/model.ts';
import { studentConfig } from '../../wid/spaces.ts';
import { presetsOf, studentFor } from '../recipe/presets.ts';
import { defaultRecipe, recipeTable } from '../recipe/recipe.ts';
import { stepCosts } from '../methods/stepCost.ts';
import type { PlanReport } from '../api/cost.ts';
import type { Beginnings, ModelShape, Recipe } from '../api/recipe.ts';
import type { TeacherReport } from '../api/teacher.ts';
import type { StudioApi } from '../studioApi.ts';
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
  return {
    presets: presetsOf(teacher.shape),
    byShape: { onlyShallower: defaultRecipe(teacher, teacher.shape), narrower: defaultRecipe(teacher) },
  };
}

/** Multiply-adds of one token through the encoder and, for a predicted token, the head. */
function multiplyAdds(shape: ModelShape, vocabulary: number, sequence: number, predictedShare: number): number {
  const d = shape.hiddenSize;
  const perLayer = 4 * d * d + 2 * d * shape.intermediateSize + 2 * d * sequence;
  return shape.layers * perLayer + predictedShare * (d * d + d * vocabulary);
}

function planStudent(teacher: Teacher, recipe: Recipe): PlanReport {
  const table = recipeTable(teacher, recipe);
  const config = studentConfig(teacher.model.config, table);
  const parameters = countParameters(config);
  return {
    parameters,
    teacherParameters: teacher.report.parameters,
    bytesFp32: 4 * parameters,
    bytesFp16: 2 * parameters,
    bytesInt8: parameters,
    multiplyAddsPerToken: multiplyAdds(recipe.student, config.vocabSize, recipe.sequence, 0.15),
    teacherMultiplyAddsPerToken: multiplyAdds(teacher.report.shape, config.vocabSize, recipe.sequence, 0.15),
    layerMap: table.layerMap,
  };
}
