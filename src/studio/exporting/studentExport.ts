import type { Engine } from '../../engines/engine.ts';
import { compactorsFile } from '../../export/checkpointFiles.ts';
import type { Corpus } from '../../text/corpus.ts';
import { exportFolder, type ExportJob } from './exportFolder.ts';
import type { FinishedRun, Measured } from './finishedRun.ts';
import { converterCard, studentCard } from './modelCard.ts';
import type { ExportOptions, ExportResult } from '../api/exporting.ts';
import type { StudioListener } from '../api/run.ts';
import type { Teacher } from '../teacher/teacher.ts';
import { poolingInWords } from '../teacher/sentenceModules.ts';
import { sentenceStudent } from '../teacher/sentenceStudent.ts';
import { tokenizerFolder } from './tokenizerFolder.ts';
import { STUDIO_VERSION } from '../version.ts';

const PRODUCER = { producer: `WID Studio ${STUDIO_VERSION}` };

/** What a finished run's folder is made of. @param compactors whether to write them, where there are any */
export function studentJob(
  engine: Engine,
  teacher: Teacher,
  run: FinishedRun,
  name: string,
  corpus?: Corpus,
  { compactors = true, vectors = 'same' }: ExportOptions = {},
): ExportJob {
  const recipe = JSON.stringify(run.recipe);
  const heads = JSON.stringify(run.result.similarity.origins);
  const trained = compactors ? run.compactors : undefined;
  const sentences = teacher.sentences === undefined ? undefined : sentenceStudent(run.model, teacher.sentences.modules, vectors);
  return {
    engine,
    model: sentences?.encoder ?? run.model,
    ...(sentences === undefined ? {} : { sentences: sentences.modules }),
    task: teacher.task,
    tokenizer: teacher.tokenizer,
    tokenizerFiles: tokenizerFolder(teacher),
    corpus,
    name,
    metadata: { ...PRODUCER, teacher: teacher.name, recipe },
    against: teacher.model,
    seed: run.recipe.seed,
    extra:
      trained === undefined || trained.size === 0 ? [] : [compactorsFile(trained, { ...PRODUCER, teacher: teacher.name, recipe, heads })],
    card: (folder, measured) => studentCard(folder, teacher, run, measured),
    run: (measured) => ({
      recipe: run.recipe,
      result: run.result,
      teacher: teacherFacts(teacher),
      text: textFacts(corpus),
      ...measuredFacts(measured),
    }),
  };
}

/** Writes a student's files, runs the ONNX files in onnxruntime-web against the engine, and zips the folder. */
export function exportStudent(
  engine: Engine,
  teacher: Teacher,
  run: FinishedRun,
  name: string,
  listen: StudioListener,
  options: ExportOptions = {},
  corpus?: Corpus,
  signal?: AbortSignal,
): Promise<ExportResult> {
  return exportFolder(studentJob(engine, teacher, run, name, corpus, options), listen, options, { signal });
}

/** The loaded teacher in the same forms, its weights unchanged. */
export function exportTeacher(
  engine: Engine,
  teacher: Teacher,
  name: string,
  listen: StudioListener,
  options: ExportOptions = {},
  corpus?: Corpus,
  signal?: AbortSignal,
): Promise<ExportResult> {
  const job: ExportJob = {
    engine,
    model: teacher.model,
    ...(teacher.sentences === undefined ? {} : { sentences: teacher.sentences.modules }),
    task: teacher.task,
    tokenizer: teacher.tokenizer,
    tokenizerFiles: tokenizerFolder(teacher),
    corpus,
    name,
    metadata: { ...PRODUCER, source: teacher.name },
    against: undefined,
    seed: 1,
    extra: [],
    card: (folder, measured) => converterCard(folder, teacher, measured),
    run: (measured) => ({ converted: teacherFacts(teacher), text: textFacts(corpus), ...measuredFacts(measured) }),
  };
  return exportFolder(job, listen, options, { signal });
}

function teacherFacts({ name, report, licence, headFit, cut }: Teacher): object {
  return {
    name,
    shape: report.shape,
    vocabularySize: report.vocabularySize,
    cut: cut ?? null,
    licence: licence ?? null,
    headFit: headFit ?? null,
  };
}

function textFacts(corpus: Corpus | undefined): object | null {
  if (corpus === undefined) return null;
  const { documents, tokens, sequence } = corpus;
  return { documents, tokens, sequence };
}

function measuredFacts({ engine, runtime, sentences, ...measured }: Measured): object {
  return {
    ...(sentences === undefined
      ? {}
      : { vectors: { form: sentences.form, pooling: poolingInWords(sentences.modules.pooling), inTokens: sentences.inTokens } }),
    versions: { widStudio: STUDIO_VERSION, onnxruntimeWeb: runtime },
    engine,
    ...measured,
  };
}
