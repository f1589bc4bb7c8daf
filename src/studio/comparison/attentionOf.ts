import type { Engine } from '../../engines/engine.ts';
import { openBytes } from '../../tensor/byteSource.ts';
import { shownName } from '../../tensor/shown.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { Corpus } from '../../text/corpus.ts';
import { AttentionJudge } from '../compression/attentionJudge.ts';
import { readJson } from '../teacher/checkpointFolder.ts';
import { defaultRecipe, recipeLayers, recipeTable } from '../recipe/recipe.ts';
import { readStudent, type GivenStudent } from './givenStudent.ts';
import { headRows, sentenceIds, sentenceMaps } from './sentenceCompare.ts';
import type { AttentionReport, GivenFile, Recipe } from '../studioApi.ts';
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
  const { model, report } = await readStudent(teacher, student);
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

/**
 * What `run.json` says of where a student's layers and heads come from: by which rule layers were left out, and which
 * heads stayed. Other students are taken to keep all heads in order, and layers by today's default.
 */
async function notedRun(files: readonly GivenFile[]): Promise<{
  readonly depth: Pick<Recipe, 'depth'> | undefined;
  readonly origins: readonly (readonly number[])[] | undefined;
}> {
  const file = files.find(({ path }) => path.split('/').at(-1) === 'run.json');
  let run: unknown;
  try {
    if (file !== undefined) run = await readJson(file.path, openBytes(file.bytes));
  } catch {
    // Damaged notes are as good as none.
  }
  const depth = within(run, 'recipe', 'depth');
  const origins = within(run, 'result', 'similarity', 'origins');
  return {
    depth: depth === 'first' || depth === 'even' || depth === 'mixture' ? { depth } : undefined,
    origins: isListOfLists(origins) ? origins : undefined,
  };
}

function within(value: unknown, ...keys: readonly string[]): unknown {
  let found = value;
  for (const key of keys)
    found = typeof found === 'object' && found !== null ? new Map<string, unknown>(Object.entries(found)).get(key) : undefined;
  return found;
}

function isListOfLists(value: unknown): value is readonly (readonly number[])[] {
  return Array.isArray(value) && value.every((row) => Array.isArray(row) && row.every((n) => Number.isInteger(n) && n >= 0));
}
