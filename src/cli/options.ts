import { totalmem } from 'node:os';
import { basename, resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { folderFiles } from '../studio/runs/folderFiles.ts';
import { lockFiles } from '../studio/runs/lockFiles.ts';
import { RunStore } from '../studio/runs/runStore.ts';
import { engineMaker } from '../studio/session/makeEngine.ts';
import { rememberedFiles } from '../studio/session/rememberedFiles.ts';
import { createSession } from '../studio/session.ts';
import type { EngineChoice, WeightStorage } from '../studio/api/engine.ts';
import type { GivenFile } from '../studio/api/files.ts';
import type { PresetName, Recipe, ShapeWish } from '../studio/api/recipe.ts';
import type { TeacherReport } from '../studio/api/teacher.ts';
import type { DocumentsWish, TextReport, VocabularyWish } from '../studio/api/text.ts';
import type { StudioApi } from '../studio/studioApi.ts';
import { PRESET_NAMES } from '../studio/recipe/presets.ts';
import { teacherWish, type TaskOptions } from './sentenceOptions.ts';
import { settingOptions } from './settingOptions.ts';
import { cacheFolder } from './cacheFolder.ts';
import { UsageError } from './usage.ts';
import { DEMO_TEACHER, DEMO_TEXT, filesOf, textsOf } from './files.ts';
import { grouped, percent, some, type Report } from './report.ts';
import { packingLine } from './textReport.ts';
import { hubRequest, hubSurroundings, type HubOptions } from './teacherPlace.ts';
import { positive, whole } from './usage.ts';

export interface TeacherOptions extends HubOptions, TaskOptions {
  readonly demo?: true;
  readonly teacher?: string;
  readonly json?: true;
}
export interface TextOptions {
  readonly text?: readonly string[];
  readonly column?: string;
  readonly vocabulary?: number;
  readonly vocabularyText?: true;
  readonly sequence?: number;
  readonly batch?: number;
  readonly documents?: DocumentsWish;
  readonly seed?: number;
}
export interface EngineOptions {
  readonly engine: EngineChoice;
  readonly threads?: number;
  readonly tuning: boolean;
  readonly storage: WeightStorage;
}
export interface StudentOptions {
  readonly preset?: PresetName;
  readonly maxMb?: number;
  readonly width?: number;
  readonly layers?: number;
  readonly heads?: number;
  readonly headSize?: number;
  readonly intermediate?: number;
  readonly tied?: boolean;
}

export function teacherOptions(command: Command): Command {
  return command
    .option('--demo', 'the bundled teacher and prose')
    .option('--teacher <path|id>', 'a Hugging Face folder, its zip, or the id of a repository on the Hub')
    .option('--revision <name>', "branch, tag or commit of the Hub's repository (default: main)")
    .option('--token-file <path>', 'a file with the token of a private repository (otherwise: the variable HF_TOKEN)')
    .option('--json', 'write a line of JSON an event to stdout, nothing else (npm adds lines of its own unless told -s)');
}

export function textOptions(command: Command): Command {
  command
    .option('--text <path...>', 'files of text, JSON Lines, CSV, TSV or Parquet, zips, or folders of them')
    .option('--column <name>', 'column or JSON field that holds the text (default: by name and content)');
  return settingOptions(vocabularyOptions(command), (name) => ['batch', 'sequence', 'documents', 'seed'].includes(name));
}

export function vocabularyOptions(command: Command): Command {
  return settingOptions(command, (name) => ['vocabulary', 'vocabularyText'].includes(name));
}

/** Whether options ask for a cut, which needs a text. */
export function asksForCut({ vocabulary = 0, vocabularyText }: TextOptions): boolean {
  return vocabulary > 0 || vocabularyText === true;
}

export function engineOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--engine <name>', 'where to compute')
        .choices(['auto', 'cpu', 'webgpu', 'reference'] satisfies EngineChoice[])
        .default('auto'),
    )
    .option('--threads <n>', 'CPU threads (default: all)', whole(1, 1024))
    .option('--no-tuning', 'webgpu: take matrix kernels unmeasured, so that numbers do not depend on what was measured here')
    .addOption(
      new Option('--storage <type>', 'webgpu: how weights that are only read are stored')
        .choices(['float32', 'float16'] satisfies WeightStorage[])
        .default('float32'),
    );
}

export function studentOptions(command: Command): Command {
  command
    .addOption(new Option('--preset <name>', 'a named student').choices(PRESET_NAMES))
    .option('--max-mb <n>', 'the widest student whose fp32 weights are at most this many MB', positive)
    .option('--width <n>', "hidden size = heads x head size (default: half the teacher's)", whole(1))
    .option('--layers <n>', "layers (default: the teacher's)", whole(1))
    .option('--heads <n>', "attention heads (default: the teacher's)", whole(1))
    .option('--head-size <n>', 'dimensions a head (default: width / heads)', whole(1))
    .option('--intermediate <n>', 'FFN size (default: in proportion to the width)', whole(1));
  return settingOptions(command, (name) => name === 'tied');
}

/** The shape options that were given, or nothing. */
export function shapeWish(options: StudentOptions): ShapeWish | undefined {
  const { preset, maxMb, width, layers, heads, headSize, intermediate } = options;
  const wish: ShapeWish = {
    ...(preset === undefined ? {} : { preset }),
    ...(maxMb === undefined ? {} : { maxBytes: maxMb * 1e6 }),
    ...(width === undefined ? {} : { width }),
    ...(layers === undefined ? {} : { layers }),
    ...(heads === undefined ? {} : { heads }),
    ...(headSize === undefined ? {} : { headSize }),
    ...(intermediate === undefined ? {} : { intermediate }),
  };
  return Object.keys(wish).length === 0 ? undefined : wish;
}

/** What a teacher is called, by the page too, and its files. */
export function namedFiles(path: string | undefined): [string, GivenFile[]] {
  return path === undefined ? ['demo-teacher', filesOf(DEMO_TEACHER)] : [basename(resolve(path)), filesOf(path)];
}

/** What is measured of this machine, in the user's cache folder. */
function machineFacts(): ReturnType<typeof rememberedFiles> {
  const folder = cacheFolder('machine');
  return rememberedFiles(folderFiles(folder), lockFiles(folder));
}

/** @param runs folder that keeps checkpoints of unfinished runs; none are kept without it */
export function openSession(runs?: string): StudioApi {
  return createSession(runs === undefined ? undefined : new RunStore(folderFiles(runs), lockFiles(runs)), {
    hub: hubSurroundings(),
    makeEngine: engineMaker(machineFacts()),
    gpuBudget: () => totalmem() / 2,
  });
}

/** @param runs as of {@link openSession} */
export async function openTeacher(
  options: TeacherOptions,
  report: Report,
  runs?: string,
): Promise<{ session: StudioApi; teacher: TeacherReport }> {
  const session = openSession(runs);
  const wish = teacherWish(options);
  const request = options.teacher === undefined ? undefined : hubRequest(options.teacher, options);
  if (request !== undefined)
    report.say(`There is no file or folder ${request.repository} here; looking for it on ${request.endpoint ?? 'https://huggingface.co'}.`);
  const teacher =
    request === undefined
      ? await session.loadTeacher(...namedFiles(options.teacher), report.event, wish)
      : await session.loadHubTeacher({ ...request, ...wish }, report.event);
  report.fact('teacher', teacher);
  return { session, teacher };
}

/** The vocabulary that options ask for; what they leave out is as `otherwise` has it. */
export function vocabularyWish({ vocabulary, vocabularyText }: TextOptions, otherwise?: VocabularyWish): VocabularyWish {
  return {
    vocabulary: vocabulary ?? otherwise?.vocabulary ?? 0,
    vocabularyText: vocabularyText ?? otherwise?.vocabularyText ?? false,
  };
}

/** The files of the text, and the names of those that are none. */
function givenText(options: TextOptions): { readonly files: readonly GivenFile[]; readonly skipped: readonly string[] } {
  const given = (options.text ?? [DEMO_TEXT]).map(textsOf);
  return { files: given.flatMap(({ files }) => files), skipped: given.flatMap(({ skipped }) => skipped) };
}

/**
 * {@link openTeacher}, with its vocabulary cut by the text if that is asked for.
 * @param wish of a recipe; the options are the wish if there is none
 */
export async function openTeacherForText(
  options: TeacherOptions & TextOptions,
  report: Report,
  runs?: string,
  wish: (opened: { session: StudioApi; teacher: TeacherReport }) => Promise<VocabularyWish> = () =>
    Promise.resolve(vocabularyWish(options)),
): Promise<{ session: StudioApi; teacher: TeacherReport }> {
  const opened = await openTeacher(options, report, runs);
  const cut = await wish(opened);
  if (cut.vocabulary === 0 && !cut.vocabularyText) return opened;
  if (options.text === undefined && options.demo !== true)
    throw new UsageError('text: expected --text PATH, by which the vocabulary is cut, got none. Give the text of the run.');
  const { session } = opened;
  const { sequence, seed } = await session.defaults();
  const how = { sequence, seed: options.seed ?? seed, ...(options.column === undefined ? {} : { column: options.column }) };
  const teacher = await session.cutVocabulary(cut, givenText(options).files, how, report.event);
  report.fact('teacher', teacher);
  report.say(teacher.notes.at(-1) ?? '');
  return { session, teacher };
}

export async function openText(
  session: StudioApi,
  options: TeacherOptions & TextOptions,
  { sequence, seed, documents }: Pick<Recipe, 'sequence' | 'seed' | 'documents'>,
  report: Report,
): Promise<TextReport> {
  const { files, skipped } = givenText(options);
  const wish = { sequence, seed, documents, ...(options.column === undefined ? {} : { column: options.column }) };
  const text = await session.loadText('text', files, wish, report.event);
  report.fact('text', text);
  report.say(`Text: ${grouped(text.tokens)} tokens in ${text.documents} documents, ${percent(text.unknownShare)} unknown`);
  const packing = packingLine(text);
  if (packing !== undefined) report.say(packing);
  if (text.columns !== null)
    report.say(`Read from ${JSON.stringify(text.columns.chosen)} of ${text.columns.names.join(', ')}; --column chooses another`);
  if (skipped.length > 0) report.say(`Left out, not text by their names: ${some(skipped)}`);
  for (const notice of text.notices) report.say(notice);
  return text;
}

/** Says that a student has a part of its teacher's vocabulary, and that the teacher is judged over that part. */
export function sayVocabulary(student: TeacherReport, teacher: TeacherReport, report: Report): void {
  if (student.vocabularySize < teacher.vocabularySize)
    report.say(
      `${student.name} has ${grouped(student.vocabularySize)} of the teacher's ${grouped(teacher.vocabularySize)} tokens: both are judged over these.`,
    );
}

export async function openEngine(session: StudioApi, options: EngineOptions, report: Report): Promise<void> {
  if (options.storage === 'float16' && (options.engine === 'cpu' || options.engine === 'reference'))
    throw new UsageError(`--storage float16: expected --engine webgpu, got ${options.engine}. Other engines store float32 alone.`);
  const engine = await session.engine(options.engine, options.threads, { tuning: options.tuning, storage: options.storage });
  report.fact('engine', engine);
  report.say(`Engine: ${engine.name} (${engine.detail})`);
  // That there is no GPU is no news; that one is not used is.
  if ((engine.speeds !== undefined || engine.wrongNumbers === true) && engine.notWebGpu !== undefined) report.say(engine.notWebGpu);
  if (engine.checked?.remembered === false)
    report.say(`Compared its operations with the reference engine: all right (${(engine.checked.milliseconds / 1000).toFixed(1)} s)`);
}
