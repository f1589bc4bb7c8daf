import { sizeInWords } from '../../tensor/bytes.ts';
import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import { StudioError } from '../../tensor/studioError.ts';
import type { PlanReport } from '../../studio/api/cost.ts';
import type { ExportResult } from '../../studio/api/exporting.ts';
import type { UnfinishedRun } from '../../studio/api/history.ts';
import type { HeldOut, RunResult, StudioListener } from '../../studio/api/run.ts';
import type { TeacherReport } from '../../studio/api/teacher.ts';
import type { StudioApi } from '../../studio/studioApi.ts';
import { formOptions, wishedForms, writeExported, type FormOptions } from '../exportOptions.ts';
import { checkPaths } from '../givenPaths.ts';
import {
  engineOptions,
  openEngine,
  openTeacherForText,
  openText,
  studentOptions,
  teacherOptions,
  textOptions,
  vocabularyWish,
  type EngineOptions,
  type TeacherOptions,
} from '../options.ts';
import { RunStage, stopOnInterrupt } from '../interruption.ts';
import { writeNewFolder } from '../files.ts';
import { checkNewFolder, makeFolder, runsFolder } from '../outFolder.ts';
import { keptRun } from '../keptRun.ts';
import { recipeFrom, wishedVocabulary, type RecipeOptions } from '../recipe.ts';
import { costLines, createReport, grouped, millions, percent, shapeInWords, type Report } from '../report.ts';
import { trainingOptions } from '../settingOptions.ts';
import { taskOptions } from '../sentenceOptions.ts';
import { EXIT, UsageError } from '../usage.ts';
import { waitForRoom } from '../waitForRoom.ts';

interface CompressOptions extends TeacherOptions, RecipeOptions, EngineOptions, FormOptions {
  readonly resume?: true;
  readonly beyondMemory?: true;
  readonly out?: string;
  readonly job?: string;
  readonly startFrom?: string;
}

async function newest(session: StudioApi): Promise<UnfinishedRun | undefined> {
  return (await session.unfinished()).toSorted((a, b) => b.savedAt - a.savedAt)[0];
}

function resultTable(result: RunResult, cost: PlanReport): string {
  const row = (name: string, value: HeldOut, parameters: number): string =>
    [
      name.padEnd(22),
      value.loss.toFixed(3).padStart(13),
      percent(value.accuracy).padStart(10),
      percent(value.agreement).padStart(11),
      millions(parameters).padStart(12),
      sizeInWords(4 * parameters).padStart(12),
    ].join('');
  return [
    `${''.padEnd(22)}held-out loss  accuracy  agreement  parameters        fp32`,
    row('teacher', result.teacher, cost.teacherParameters),
    ...(result.stepsDone === 0 && result.fault === null ? [] : [row('student, untrained', result.untrained, cost.parameters)]),
    ...(result.whole === undefined ? [] : [row('before dropping', result.whole, cost.teacherParameters)]),
    row(`student, ${result.studentStep ?? result.stepsDone} steps`, result.trained, cost.parameters),
    ...(endedWorse(result)
      ? [`Training did not help: after ${result.stepsDone} steps the student was worse than at the start, which is kept.`]
      : []),
  ].join('\n');
}

/** Losses over different vocabularies cannot be compared. */
function lossesLine({ vocabularySize, cut, words: { overVocabulary } }: TeacherReport): string[] {
  if (overVocabulary !== true) return [];
  const words = `Losses are taken over ${grouped(vocabularySize)} words`;
  return [
    cut === undefined ? words : `${words} of the teacher's ${grouped(cut.before)}, whose probabilities are made to sum to one over them`,
  ];
}

/** Whether the start is offered since training made it worse. */
function endedWorse({ studentStep, stepsDone, fault }: RunResult): boolean {
  return studentStep === 0 && stepsDone > 0 && fault === null;
}

function judgement(exported: ExportResult): string {
  const shapes = exported.checked.map(({ batch, length }) => `${batch} x ${length}`).join(', ');
  return `Largest difference between the engine's ${exported.onnx[0]?.output ?? 'answers'} and onnxruntime-web's: ${exported.largestDifference.toExponential(2)} (${shapes})`;
}

/** Writes the run as a folder for PyTorch instead of training it. */
async function writeJob(options: CompressOptions, folder: string, report: Report): Promise<number> {
  if (options.out !== undefined || options.resume === true)
    throw new UsageError('job: expected --job alone, got --out or --resume as well. The job trains the student; leave the others out.');
  checkNewFolder('--job', folder);
  checkPaths(options, { text: true });
  const { session, teacher } = await openTeacherForText(options, report, undefined, ({ session: opened }) =>
    wishedVocabulary(opened, options),
  );
  const recipe = await recipeFrom(session, options);
  await openText(session, options, recipe, report);
  await openEngine(session, options, report);
  report.say([`Teacher: ${shapeInWords(teacher.shape)}`, `Student: ${shapeInWords(recipe.student)}`].join('\n'));
  const { zip, files, name } = await session.exportJob(recipe, basename(resolve(folder)), report.event);
  await writeNewFolder(zip, '--job', folder);
  report.fact('job', { folder, name, files });
  report.say(`Written to ${folder}. Its README.md says how PyTorch trains it.`);
  return EXIT.done;
}

async function run(given: CompressOptions, report: Report): Promise<number> {
  if (given.job !== undefined) return writeJob(given, given.job, report);
  const { out } = given;
  if (out === undefined)
    throw new UsageError("compress: expected --out for the student's folder, or --job for a job's, got neither. Give one.");
  const options = { ...given, out };
  checkPaths(options, { text: true });
  let waiting: UnfinishedRun | undefined;
  let resumed: UnfinishedRun | undefined;
  const { session, teacher } = await openTeacherForText(options, report, runsFolder(options.out), async (opened) => {
    waiting = await newest(opened.session);
    if (options.resume === true && waiting === undefined)
      throw new UsageError(`resume: expected a checkpoint in ${runsFolder(options.out)}, got none. Leave --resume out to start a run.`);
    resumed = options.resume === true ? waiting : undefined;
    // Runs of builds whose recipes did not say how the vocabulary is cut go on with the options.
    return resumed === undefined ? wishedVocabulary(opened.session, options) : vocabularyWish(options, resumed.recipe);
  });
  if (waiting !== undefined && resumed === undefined)
    report.say(
      `${options.out} holds an unfinished run (step ${waiting.done} of ${waiting.recipe.steps}); --resume goes on with it. This is a new one.`,
    );
  const recipe = resumed?.recipe ?? (await recipeFrom(session, options));
  const first =
    options.startFrom === undefined || resumed !== undefined ? undefined : await keptRun(session, options.out, options.startFrom);
  const cost = await session.plan(recipe);
  await openText(session, options, recipe, report);
  makeFolder(options.out);
  await openEngine(session, options, report);
  report.fact('plan', { recipe, cost });
  report.say([`Teacher: ${shapeInWords(teacher.shape)}`, `Student: ${shapeInWords(recipe.student)}`, ...costLines(cost)].join('\n'));
  const interruption = stopOnInterrupt(session, new RunStage(recipe, teacher, resumed !== undefined));
  if (resumed !== undefined) report.say(`Going on from step ${resumed.done} of ${recipe.steps}, with the recipe of that run.`);
  const room = waitForRoom(session, report);
  const listen: StudioListener = (event) => {
    interruption.hear(event);
    room.listen(event);
  };
  const train = (): Promise<RunResult> =>
    resumed === undefined
      ? session.start(recipe, listen, {
          beyondMemory: options.beyondMemory === true,
          ...(first === undefined ? {} : { startFrom: first.run }),
        })
      : session.resumeRun(resumed.run, listen);
  const result = await train().finally(room.end);
  interruption.writing();
  report.fact('result', result);
  if (result.stopped && result.fault === null)
    report.say(`Stopped at step ${result.stepsDone} of ${recipe.steps}. Writing the student as it stands; --resume goes on from here.`);
  const exported = await session.exportStudent(basename(resolve(options.out)), report.event, wishedForms(options));
  const code = await writeExported(exported, options.out, report);
  interruption.end();
  report.say(['', resultTable(result, cost), ...lossesLine(teacher), '', judgement(exported), `Written to ${options.out}`].join('\n'));
  if (result.fault !== null) throw new StudioError('diverged', `${result.fault} That student was written to ${options.out}.`);
  return code === EXIT.done && result.stopped ? EXIT.interrupted : code;
}

/** `compress`, the main job: teacher and text in, a student's folder out. */
export function addCompress(program: Command): void {
  const command = program
    .command('compress', { isDefault: true })
    .description('make a smaller BERT and write it as a folder (the default)');
  formOptions(engineOptions(trainingOptions(studentOptions(textOptions(taskOptions(teacherOptions(command)))))))
    .option('--resume', 'go on with the unfinished run in --out; the recipe is that of the run')
    .option('--recipe <file>', 'start from the run.json of an earlier run')
    .option('--start-from <run>', 'begin with the compactors of a run that --out keeps (runs list, runs import), instead of calibrating')
    .option('--beyond-memory', "start on a GPU also if a step's plan takes more than half of the machine's memory")
    .option('--out <dir>', "the student's folder; made if it is not there")
    .option('--job <dir>', 'train nothing here: write the calibrated run as a folder that PyTorch trains (cluster/README.md)')
    .addHelpText(
      'after',
      `
Examples:
  npm run compress -- --demo --preset half --steps 100 --out student
  npm run compress -- --teacher my-bert --text corpus/ --width 192 --layers 6 --out student
  npm run compress -- --teacher my-bert --text corpus/ --preset wid55 --steps 400000 --batch 960 --job wid55
  npm run -s compress -- --teacher my-bert --text a.txt b.txt --max-mb 50 --json --out student > run.jsonl`,
    )
    .action(async (options: CompressOptions) => {
      process.exitCode = await run(options, createReport(options.json === true));
    });
}
