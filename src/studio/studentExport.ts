import type { BertModel } from '../bert/model.ts';
import type { Engine } from '../engines/engine.ts';
import { compactorsFile } from '../export/checkpointFiles.ts';
import type { NamedTensors } from '../tensor/tensor.ts';
import type { Corpus } from '../text/corpus.ts';
import { exportFolder } from './exportFolder.ts';
import { converterCard, studentCard } from './modelCard.ts';
import type { ExportOptions, ExportResult, Recipe, RunResult, StudioListener } from './studioApi.ts';
import type { Teacher } from './teacher.ts';
import { tokenizerFolder } from './tokenizerFolder.ts';
import { STUDIO_VERSION } from './version.ts';

export interface FinishedRun {
  readonly student: BertModel;
  /** What the student was merged from; without it, or empty, there was nothing to merge. */
  readonly compactors?: NamedTensors;
  readonly result: RunResult;
  readonly recipe: Recipe;
}

const PRODUCER = { producer: `WID Studio ${STUDIO_VERSION}` };

/** Writes a student's files, runs the ONNX files in onnxruntime-web against the engine, and zips the folder. */
export function exportStudent(
  engine: Engine,
  teacher: Teacher,
  run: FinishedRun,
  name: string,
  listen: StudioListener,
  options: ExportOptions = {},
  corpus?: Corpus,
): Promise<ExportResult> {
  const recipe = JSON.stringify(run.recipe);
  const { compactors } = run;
  const trained = options.compactors !== false && compactors !== undefined && compactors.size > 0;
  const origins = JSON.stringify(run.result.similarity.origins);
  const job = {
    engine,
    model: run.student,
    tokenizer: teacher.tokenizer,
    tokenizerFiles: tokenizerFolder(teacher),
    corpus,
    name,
    metadata: { ...PRODUCER, teacher: teacher.name, recipe },
    against: teacher.model,
    seed: run.recipe.seed,
    extra: trained ? [compactorsFile(compactors, { ...PRODUCER, teacher: teacher.name, recipe, heads: origins })] : [],
    card: (folder: string, measured: Parameters<typeof studentCard>[3]): string => studentCard(folder, teacher, run, measured),
    run: ({ onnx, teacherLatency, engine: engineWords }: Parameters<typeof studentCard>[3]): object => ({
      recipe: run.recipe,
      result: run.result,
      teacher: { name: teacher.name, shape: teacher.report.shape, licence: teacher.licence ?? null },
      text: textFacts(corpus),
      versions: { widStudio: STUDIO_VERSION },
      engine: engineWords,
      onnx,
      teacherLatency,
    }),
  };
  return exportFolder(job, listen, options);
}

/** The loaded teacher in the same forms, its weights unchanged. */
export function exportTeacher(
  engine: Engine,
  teacher: Teacher,
  name: string,
  listen: StudioListener,
  options: ExportOptions = {},
  corpus?: Corpus,
): Promise<ExportResult> {
  const job = {
    engine,
    model: teacher.model,
    tokenizer: teacher.tokenizer,
    tokenizerFiles: tokenizerFolder(teacher),
    corpus,
    name,
    metadata: { ...PRODUCER, source: teacher.name },
    against: undefined,
    seed: 1,
    extra: [],
    card: (folder: string, measured: Parameters<typeof converterCard>[2]): string => converterCard(folder, teacher, measured),
    run: ({ onnx, engine: engineWords }: Parameters<typeof converterCard>[2]): object => ({
      converted: { name: teacher.name, shape: teacher.report.shape, licence: teacher.licence ?? null },
      text: textFacts(corpus),
      versions: { widStudio: STUDIO_VERSION },
      engine: engineWords,
      onnx,
    }),
  };
  return exportFolder(job, listen, options);
}

function textFacts(corpus: Corpus | undefined): object | null {
  if (corpus === undefined) return null;
  const { documents, tokens, sequence } = corpus;
  return { documents, tokens, sequence };
}
