import { blueprintOf } from '../../models/blueprint.ts';
import { familyOf } from '../../models/families/registry.ts';
import { jsonFile, textFile } from '../../export/checkpointFiles.ts';
import type { Engine } from '../../engines/engine.ts';
import { safetensorsPieces } from '../../formats/safetensorsPieces.ts';
import { streamZip, type ZipFile } from '../../formats/zipStream.ts';
import { StudioError } from '../../tensor/studioError.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Corpus } from '../../text/corpus.ts';
import { PROJECTION } from '../../training/hiddenLoss.ts';
import { lowRankShapes } from '../../wid/lowRank.ts';
import type { JobResult } from '../api/job.ts';
import type { Recipe } from '../api/recipe.ts';
import type { StudioListener } from '../api/run.ts';
import { folderName } from '../exporting/folderName.ts';
import { tokenizerFolder } from '../exporting/tokenizerFolder.ts';
import { METHODS, methodOf } from '../methods/registry.ts';
import type { Method } from '../methods/method.ts';
import type { PhaseContext } from '../methods/phase.ts';
import { checkRecipe } from '../recipe/checkRecipe.ts';
import { factorisesTables, recipeTable, stepShape, taskSettings, trainingStream } from '../recipe/recipe.ts';
import { kindOfTeacher } from '../runs/modelKind.ts';
import { withEarlierFields } from '../runs/recipeVersions.ts';
import type { Fingerprints } from '../runs/fingerprint.ts';
import type { Student } from '../student.ts';
import type { Teacher } from '../teacher/teacher.ts';
import { STUDIO_VERSION } from '../version.ts';
import { blueprintFile } from './blueprintFile.ts';
import { jobReadme, TRIED } from './jobReadme.ts';

/** Of the folder; `cluster/` reads this one and refuses others. */
export const JOB_VERSION = 1;

/** What a job is made of. */
export interface JobInputs {
  /** With its head. */
  readonly teacher: Teacher;
  /** What the start is calibrated on; a method that calibrates nothing needs none. */
  readonly corpus: Corpus | undefined;
  readonly recipe: Recipe;
  readonly fingerprints: Fingerprints;
  readonly text: string;
}

/** Settings that builds before them could not have, and that change this recipe: a package that does not know them refuses the job. */
function needsOf(recipe: Recipe): string[] {
  const earlier = new Map(Object.entries(withEarlierFields({})));
  return Object.entries(recipe).flatMap(([name, value]) =>
    earlier.has(name) && typeof value !== 'object' && earlier.get(name) !== value ? [name] : [],
  );
}

/** Whether a job of this recipe calibrates, and so needs a text and an engine. */
export function jobCalibrates({ mode }: Recipe): boolean {
  return methodOf({ mode }).job === 'merged';
}

/**
 * Writes a run as a folder that `cluster/` trains in PyTorch: recipe, blueprints of both models, the start, tokenizer, README.
 * The teacher's weights and the text are not in it: whoever starts the job says where they are.
 *
 * @param engine what calibrates; not used if nothing is calibrated
 * @throws StudioError naming what PyTorch does not train, before anything is computed
 */
export async function jobFolder(
  inputs: JobInputs,
  given: string,
  engine: () => Promise<Engine>,
  listen: StudioListener,
  signal?: AbortSignal,
): Promise<JobResult> {
  const { teacher, recipe } = inputs;
  checkRecipe(teacher, recipe);
  const method = methodOf(recipe);
  const name = folderName(given);
  const table = recipeTable(teacher, recipe);
  const context: PhaseContext = { teacher, table, recipe, shape: stepShape(teacher.task, recipe), heads: new Map() };
  needJob(teacher, method, recipe);
  const started = method.job === 'identity' ? undefined : await startOf(context, method, inputs, engine, listen, signal);
  const own = sourcesOf(teacher);
  const blueprint = await blueprintFile(teacher, table, own, method.job === 'identity');
  const phases = method
    .phases({ ...context, heads: started?.heads ?? new Map() })
    .filter(({ schedule }) => schedule.last > schedule.first)
    .map(({ name: phase, schedule, optimiser }) => ({ name: phase, schedule, optimiser }));
  const { special, vocabularySize } = teacher.tokenizer;
  const { masking, wholeWords, predicted } = taskSettings(recipe);
  const files = async function* (): AsyncGenerator<ZipFile> {
    yield jsonFile('run.json', {
      format: 'wid-studio-job',
      version: JOB_VERSION,
      studio: STUDIO_VERSION,
      name,
      ...kindOfTeacher(teacher),
      recipe,
      needs: needsOf(recipe),
      phases,
      start: method.job,
      masking: { masking, wholeWords, predicted },
      teacher: { name: teacher.name, fingerprint: inputs.fingerprints.teacher },
      text: { name: inputs.text },
      heads: [...(started?.heads ?? [])],
      tokenizer: { special, vocabularySize, continuations: continuationsOf(teacher, recipe) },
    });
    yield jsonFile('blueprint.json', blueprint);
    const tensors = new Map([...headOf(teacher, own), ...startTensors(context, method, started)]);
    yield { path: 'start.safetensors', pieces: safetensorsPieces(tensors, { format: 'pt', producer: `WID Studio ${STUDIO_VERSION}` }) };
    for (const [path, bytes] of tokenizerFolder(teacher)) yield { path: `tokenizer/${path}`, pieces: [bytes] };
    yield textFile('requirements.txt', TRIED);
    yield textFile('README.md', jobReadme(name, teacher.name, recipe));
  };
  return { name, ...(await streamZip(name, files())) };
}

function needJob(teacher: Teacher, { job }: Method, recipe: Recipe): void {
  const refuse = (what: string, expected: string, got: string, cure: string): never => {
    throw new StudioError('recipe', `job: ${what} — expected ${expected}, got ${got}. ${cure}`);
  };
  const { mode, steps, tableRank } = recipe;
  if (teacher.sentences !== undefined)
    refuse('teacher', 'one for masked words', 'one for sentence vectors', 'Train it here, or load it for the task maskedWords.');
  if (recipe.keptStates > 0) refuse('kept states', '0', String(recipe.keptStates), 'Leave --kept-states out, or train this one here.');
  const trained = METHODS.filter((method) => method.job !== undefined).map(({ name }) => name);
  if (job === undefined)
    refuse('mode', `one that PyTorch trains (${trained.join(', ')})`, mode, 'Choose one of them, or train this one here.');
  if (steps === 0) refuse('steps', 'at least 1', '0', 'Leave --job out: the start alone needs no PyTorch.');
  // PyTorch trains tables whole.
  if (factorisesTables(recipe))
    refuse('rank of tables', 'whole ones', String(tableRank), 'Leave --table-rank out, or train this one here.');
  const { config } = teacher.model;
  if (config.rotary !== undefined)
    refuse('family', 'one with a table of positions', familyOf(config.family).label, 'Leave --job out, and train this one here.');
  const table = blueprintOf(config).module('words').weight;
  const words = teacher.report.tensors.find(({ as }) => as === table);
  if (words !== undefined && words.shape[0] !== config.vocabSize)
    refuse(
      'vocabulary',
      `the teacher's ${words.shape[0]} tokens`,
      `${config.vocabSize}, a cut one`,
      'A job reads the weights of a checkpoint: write the cut teacher with "export", and give that folder as the teacher.',
    );
}

async function startOf(
  context: PhaseContext,
  method: Method,
  { teacher, corpus, recipe }: JobInputs,
  engine: () => Promise<Engine>,
  listen: StudioListener,
  signal: AbortSignal | undefined,
): Promise<Student> {
  const control = { proceed: (): Promise<boolean> => Promise.resolve(signal?.aborted !== true) };
  if (corpus === undefined && jobCalibrates(recipe)) throw new StudioError('order', 'session: load a text first.');
  const none = { sequence: recipe.sequence, train: new Int32Array(recipe.sequence), heldOut: new Int32Array(recipe.sequence) };
  return method.start(context, { engine: await engine(), stream: trainingStream(teacher, corpus ?? none, recipe), control, listen });
}

/** Where the checkpoint has the teacher's parameters; a head that was fitted is not in it. */
function sourcesOf({ report }: Teacher): Map<string, string> {
  return new Map(report.tensors.flatMap(({ as, name, use }) => (use === 'used' && as !== undefined ? [[as, name] as const] : [])));
}

/** Parameters of a teacher that its checkpoint has not: a head that was fitted on the text. */
function headOf({ model }: Teacher, own: ReadonlyMap<string, string>): [string, Tensor][] {
  return [...model.tensors].flatMap(([name, tensor]) => (own.has(name) ? [] : [[`head/${name}`, tensor]]));
}

function startTensors(context: PhaseContext, method: Method, started: Student | undefined): [string, Tensor][] {
  if (started === undefined) return [];
  const { job } = method;
  const [first] = method.phases({ ...context, heads: started.heads });
  const trained = first?.trained({ ...started, state: new Map() }) ?? new Map<string, Tensor>();
  const projection = trained.get(PROJECTION);
  const factors = [...lowRankShapes(context.table, context.recipe.rank).keys()].filter((name) => !started.compactors.has(name));
  const own = job === 'student' ? started.model.tensors : started.compactors;
  return [
    ...[...own].map(([name, tensor]): [string, Tensor] => [`${job === 'student' ? 'student' : 'compactors'}/${name}`, tensor]),
    ...factors.flatMap((name): [string, Tensor][] => {
      const tensor = trained.get(name);
      return tensor === undefined ? [] : [[`factors/${name}`, tensor]];
    }),
    ...(projection === undefined ? [] : [[PROJECTION, projection] satisfies [string, Tensor]]),
  ];
}

/** Ids of pieces that go on with a word, which masking of whole words keeps together. */
function continuationsOf({ tokenizer }: Teacher, { wholeWords }: Recipe): number[] {
  if (!wholeWords) return [];
  return Array.from({ length: tokenizer.vocabularySize }, (_, id) => id).filter((id) => tokenizer.isContinuation(id));
}
