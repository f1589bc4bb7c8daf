import { StudioError } from '../../tensor/studioError.ts';
import { sameShape } from '../../tensor/shape.ts';
import { learnedName } from '../../training/lowRankTraining.ts';
import { frozenName } from '../../training/teacherStates.ts';
import { compactorShapes, normSites } from '../../wid/compactors.ts';
import { parameterNames } from '../../models/blueprint.ts';
import { vectorWidth, type SpaceTable } from '../../wid/spaces.ts';
import type { Recipe } from '../api/recipe.ts';
import type { GivenStart } from '../student.ts';
import { METHODS, methodOf } from './registry.ts';

/** @throws StudioError if a run of this recipe cannot begin with these compactors */
export function checkGivenStart(table: SpaceTable, recipe: Recipe, { name, compactors }: GivenStart): void {
  const refuse = (what: string, expected: string, got: string, cure: string): never => {
    throw new StudioError('recipe', `start from ${name}: ${what} — expected ${expected}, got ${got}. ${cure}`);
  };
  if (methodOf(recipe).job !== 'merged')
    refuse(
      'mode',
      METHODS.filter(({ job }) => job === 'merged')
        .map((method) => method.name)
        .join(', '),
      `${recipe.mode}, whose start is not merged from compactors`,
      'Choose one of them.',
    );
  const shapes = compactorShapes(table);
  for (const { ours } of normSites(table))
    for (const norm of parameterNames(ours)) shapes.set(norm, [vectorWidth(table.student, ours.writes)]);
  for (const [compactor, shape] of shapes) {
    const found = compactors.get(compactor);
    if (found === undefined || !sameShape(found.shape, shape))
      refuse(
        compactor,
        `[${shape.join(', ')}]`,
        found === undefined ? 'none' : `[${found.shape.join(', ')}]`,
        "Take that run's student, depth and decoder (--recipe), or leave it out.",
      );
  }
  if ([...compactors.keys()].some((name) => name.startsWith(learnedName(''))))
    refuse(
      'compactors',
      'all that its student is merged from',
      'a student that learned beside compactors of low rank',
      'Start from a run of whole compactors (--rank), or from one whose teacher did not learn.',
    );
  const other = [...compactors.keys()].find((compactor) => !shapes.has(compactor) && !compactor.startsWith(frozenName('')));
  if (other !== undefined) refuse(other, 'none', 'one', "Take that run's depth and decoder (--recipe), or leave it out.");
  const learned = [...compactors.keys()].some((compactor) => compactor.startsWith(frozenName('')));
  if (learned && !(recipe.teacherLearningRate > 0))
    refuse(
      'teacher rate',
      "above 0, as that run trained the teacher's weights below its compactors",
      String(recipe.teacherLearningRate),
      'Give --teacher-rate, or start from another run.',
    );
}
