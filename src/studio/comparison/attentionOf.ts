import { longestSequence } from '../../models/model.ts';
import type { Engine } from '../../engines/engine.ts';
import { shownName } from '../../tensor/shown.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { Corpus } from '../../text/corpus.ts';
import { AttentionJudge } from '../compression/attentionJudge.ts';
import { defaultRecipe, recipeLayers, recipeTable } from '../recipe/recipe.ts';
import { readStudent, type GivenStudent } from './givenStudent.ts';
import { notedRun } from './notedRun.ts';
import { headRows, sentenceIds, sentenceMaps } from './sentenceCompare.ts';
import type { AttentionReport } from '../api/comparison.ts';
import type { Teacher } from '../teacher/teacher.ts';

/**
 * Attention of a student checkpoint beside its teacher's: similarity on held-out text by layer and head, and, of a
 * sentence, every head's maps.
 *
 * @throws StudioError if the student's shape cannot come from this teacher
 */
export async function attentionOf(
  engine: Engine,
  teacher: Teacher,
  corpus: Corpus,
  student: GivenStudent,
  seed: number,
  sentence?: string,
): Promise<AttentionReport> {
  const {
    student: { model, report },
  } = await readStudent(teacher, student);
  if (model.config.layers > teacher.model.config.layers)
    throw new StudioError(
      'student',
      `attention: ${student.name} — expected a student of ${teacher.name}, of at most ${teacher.model.config.layers} layers, got ${model.config.layers}. Give a student of this teacher.`,
    );
  const noted = await notedRun(student.files);
  const recipe = { ...defaultRecipe(teacher.report), student: report.shape, seed, sequence: corpus.sequence, ...noted.depth };
  const layerMap = recipeLayers(teacher.model.config, recipe);
  const origins = noted.origins ?? layerMap.map(() => Array.from({ length: model.config.heads }, (_, head) => head));
  const heads = new Map(layerMap.map((from, layer) => [from, origins[layer] ?? []]));
  const judge = await AttentionJudge.create(engine, teacher, corpus, recipe, recipeTable(teacher, recipe));
  try {
    const similarity = await judge.student(model, 0, () => {}, heads);
    if (sentence === undefined) return { similarity, layerMap, tokens: [], maps: [] };
    const ids = sentenceIds(sentence, teacher.tokenizer, Math.min(longestSequence(teacher.model.config), longestSequence(model.config)));
    const theirs = await sentenceMaps(engine, teacher.model, ids);
    const ours = await sentenceMaps(engine, model, ids);
    return {
      similarity,
      layerMap,
      tokens: Array.from(ids, (id) => shownName(teacher.tokenizer.token(id))),
      maps: ours.flatMap((maps, layer) => {
        const source = theirs[layerMap[layer] ?? 0];
        return source === undefined
          ? []
          : Array.from({ length: maps.heads }, (_, head) => {
              const origin = origins[layer]?.[head] ?? head;
              return { layer, head, origin, teacher: headRows(source, origin), student: headRows(maps, head) };
            });
      }),
    };
  } finally {
    judge.dispose();
  }
}
