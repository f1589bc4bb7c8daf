import { longestSequence } from '../../models/model.ts';
import { headSimilarity, type AttentionMaps } from '../../analysis/attentionSimilarity.ts';
import type { BertModel } from '../../models/model.ts';
import type { Engine } from '../../engines/engine.ts';
import { StudioError } from '../../tensor/studioError.ts';
import { shownName } from '../../tensor/shown.ts';
import { recipeLayers } from '../recipe/recipe.ts';
import { headRows, sentenceIds, sentenceMaps } from './sentenceCompare.ts';
import type { StudentsComparison } from '../api/history.ts';
import type { Recipe } from '../api/recipe.ts';
import type { RunResult } from '../api/run.ts';
import type { Teacher } from '../teacher/teacher.ts';

export interface ComparedStudent {
  readonly model: BertModel;
  readonly result: RunResult;
  readonly recipe: Pick<Recipe, 'student' | 'depth'>;
}

/** Where a student's heads come from: teacher layer by student layer, and teacher head by student layer and head. */
interface Origins {
  readonly layers: readonly number[];
  readonly heads: readonly (readonly number[])[];
}

function originsOf(teacher: Teacher, { result, recipe }: ComparedStudent): Origins {
  return { layers: recipeLayers(teacher.model.config, recipe), heads: result.similarity.origins };
}

/**
 * Attention of two students of one teacher on one sentence. Heads are paired by the teacher's head that both come from.
 * @param layer of the first student, from 0 @param head of the first student, from 0
 * @throws StudioError if the first student has no such head
 */
export async function compareStudents(
  engine: Engine,
  teacher: Teacher,
  first: ComparedStudent,
  second: ComparedStudent,
  sentence: string,
  layer: number,
  head: number,
): Promise<StudentsComparison> {
  const ids = sentenceIds(sentence, teacher.tokenizer, longestSequence(teacher.model.config));
  const attention = new Uint8Array(ids.length).fill(1);
  const [ours, theirs] = [originsOf(teacher, first), originsOf(teacher, second)];
  const teacherMaps = await sentenceMaps(engine, teacher.model, ids);
  const firstMaps = await sentenceMaps(engine, first.model, ids);
  const secondMaps = await sentenceMaps(engine, second.model, ids);

  const twinOf = (ourLayer: number, ourHead: number): { readonly maps: AttentionMaps; readonly head: number } | undefined => {
    const theirLayer = theirs.layers.indexOf(ours.layers[ourLayer] ?? -1);
    const origin = ours.heads[ourLayer]?.[ourHead];
    const theirHead = theirs.heads[theirLayer]?.findIndex((from) => from === origin) ?? -1;
    const maps = secondMaps[theirLayer];
    return maps === undefined || theirHead === -1 ? undefined : { maps, head: theirHead };
  };
  const similarity = firstMaps.map((maps, ourLayer) =>
    Array.from({ length: maps.heads }, (_, ourHead) => {
      const twin = twinOf(ourLayer, ourHead);
      return twin === undefined ? null : headSimilarity(maps, ourHead, twin.maps, twin.head, attention).divergence;
    }),
  );

  const chosen = firstMaps[layer];
  const origin = ours.heads[layer]?.[head];
  const teacherMap = teacherMaps[ours.layers[layer] ?? -1];
  if (chosen === undefined || teacherMap === undefined || origin === undefined || head < 0 || head >= chosen.heads)
    throw new StudioError(
      'attention',
      `compare: layer ${layer}, head ${head} — expected layers 0 to ${firstMaps.length - 1}, heads 0 to ${(firstMaps[0]?.heads ?? 0) - 1}. Choose one.`,
    );
  const twin = twinOf(layer, head);
  return {
    tokens: Array.from(ids, (id) => shownName(teacher.tokenizer.token(id))),
    similarity,
    teacher: headRows(teacherMap, origin),
    first: headRows(chosen, head),
    second: twin === undefined ? [] : headRows(twin.maps, twin.head),
  };
}
