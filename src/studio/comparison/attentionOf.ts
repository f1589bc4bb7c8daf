import type { Engine } from '../../engines/engine.ts';
import { openBytes } from '../../tensor/byteSource.ts';
import { shownName } from '../../tensor/shown.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { Corpus } from '../../text/corpus.ts';
import { evenLayerMap } from '../../wid/spaces.ts';
import { AttentionJudge } from '../compression/attentionJudge.ts';
import { readJson } from '../teacher/checkpointFolder.ts';
import { defaultRecipe, recipeTable } from '../recipe/recipe.ts';
import { headRows, sentenceIds, sentenceMaps } from './sentenceCompare.ts';
import type { AttentionReport, GivenFile } from '../studioApi.ts';
import { readTeacher, type Teacher } from '../teacher/teacher.ts';

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
  student: { readonly name: string; readonly files: readonly GivenFile[] },
  seed: number,
  sentence?: string,
): Promise<AttentionReport> {
  const { model, report } = await readTeacher(student.name, student.files);
  if (model.config.vocabSize !== teacher.model.config.vocabSize || model.config.layers > teacher.model.config.layers)
    throw new StudioError(
      'student',
      `attention: ${student.name} — expected a student of ${teacher.name} (${teacher.model.config.vocabSize} tokens, at most ${teacher.model.config.layers} layers), got ${model.config.vocabSize} tokens and ${model.config.layers} layers. Give a student of this teacher.`,
    );
  const recipe = { ...defaultRecipe(teacher.report), student: report.shape, seed, sequence: corpus.sequence };
  const layerMap = evenLayerMap(teacher.model.config.layers, model.config.layers);
  const origins = (await storedOrigins(student.files)) ?? layerMap.map(() => Array.from({ length: model.config.heads }, (_, head) => head));
  const heads = new Map(layerMap.map((from, layer) => [from, origins[layer] ?? []]));
  const judge = await AttentionJudge.create(engine, teacher, corpus, recipe, recipeTable(teacher, recipe), heads);
  try {
    const similarity = await judge.student(model, 0, () => {});
    if (sentence === undefined) return { similarity, layerMap, tokens: [], maps: [] };
    const ids = sentenceIds(sentence, teacher.tokenizer, Math.min(teacher.model.config.maxPositions, model.config.maxPositions));
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

/** Where whole heads went, `run.json` says which teacher heads stayed; other students keep them all, in order. */
async function storedOrigins(files: readonly GivenFile[]): Promise<readonly (readonly number[])[] | undefined> {
  const file = files.find(({ path }) => path.split('/').at(-1) === 'run.json');
  if (file === undefined) return undefined;
  let found: unknown;
  try {
    found = await readJson(file.path, openBytes(file.bytes));
  } catch {
    return undefined;
  }
  for (const key of ['result', 'similarity', 'origins'])
    found = typeof found === 'object' && found !== null ? new Map<string, unknown>(Object.entries(found)).get(key) : undefined;
  return isListOfLists(found) ? found : undefined;
}

function isListOfLists(value: unknown): value is readonly (readonly number[])[] {
  return Array.isArray(value) && value.every((row) => Array.isArray(row) && row.every((n) => Number.isInteger(n) && n >= 0));
}
