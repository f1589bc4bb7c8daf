import { existsSync, statSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { folderFiles } from '../../studio/runs/folderFiles.ts';
import { lockFiles } from '../../studio/runs/lockFiles.ts';
import { RunStore } from '../../studio/runs/runStore.ts';
import { createSession } from '../../studio/session.ts';
import type { GivenFile } from '../../studio/api/files.ts';
import type { RunSummary } from '../../studio/api/history.ts';
import type { StudioApi } from '../../studio/studioApi.ts';
import { filesOf } from '../files.ts';
import { makeFolder, runsFolder } from '../outFolder.ts';
import { keptRun } from '../keptRun.ts';
import { createReport, grouped, percent, shapeInWords } from '../report.ts';
import { UsageError } from '../usage.ts';

interface RunsOptions {
  readonly out: string;
  readonly json?: true;
  readonly to?: string;
}

function sessionOf(out: string): StudioApi {
  const folder = runsFolder(out);
  return createSession(new RunStore(folderFiles(folder), lockFiles(folder)));
}

async function wholeOf({ bytes }: GivenFile): Promise<Uint8Array | Blob> {
  return bytes instanceof Uint8Array || bytes instanceof Blob ? bytes : bytes.read(0, bytes.size);
}

function lineOf({ run, name, recipe, ending, done, heldOut, differences, startedAt, startedFrom }: RunSummary): string {
  const numbers = heldOut === null ? '' : `, held-out loss ${heldOut.loss.toFixed(3)}, accuracy ${percent(heldOut.accuracy)}`;
  return [
    `${run}  ${name}: ${ending}, ${recipe.steps === 0 ? 'untrained' : `${grouped(done)} of ${grouped(recipe.steps)} steps`}${numbers}`,
    `    ${new Date(startedAt).toISOString().slice(0, 16).replace('T', ' ')}, ${recipe.mode}, ${shapeInWords(recipe.student)}${vocabularyInWords(recipe)}`,
    ...(startedFrom === undefined ? [] : [`    began with the compactors of ${startedFrom}`]),
    ...(differences.length === 0 ? [] : [`    since the run before: ${differences.join(', ')}`]),
  ].join('\n');
}

function vocabularyInWords({ vocabulary, vocabularyText }: RunSummary['recipe']): string {
  if (vocabularyText) return `, the text's words and ${grouped(vocabulary)} more`;
  return vocabulary > 0 ? `, ${grouped(vocabulary)} words` : '';
}

/** `runs`: the history that `compress` keeps in a student's folder; runs move to and from the page as one file. */
export function addRuns(program: Command): void {
  const runs = program
    .command('runs')
    .description("the runs that are kept in a student's folder: list, export, import, rename, delete, restore")
    .addHelpText(
      'after',
      `
Examples:
  npm run compress -- runs list --out student
  npm run compress -- runs export "Run 1" --out student --to run-1.zip
  npm run compress -- runs import run-1.zip --out elsewhere
  npm run compress -- runs import job --out student`,
    );
  const add = (usage: string, description: string): Command =>
    runs
      .command(usage)
      .description(description)
      .requiredOption('--out <dir>', "the student's folder")
      .option('--json', 'write a line of JSON an event to stdout, nothing else');

  add('list', 'every run, the newest first').action(async (options: RunsOptions) => {
    const report = createReport(options.json === true);
    const found = await sessionOf(options.out).runs();
    for (const run of found) report.fact('run', run);
    report.say(found.length === 0 ? `${options.out} holds no runs.` : found.map(lineOf).join('\n'));
  });
  add('export <run>', 'a run as one zip: recipe, metrics as CSV and JSON, checkpoint and student')
    .option('--to <file>', "the zip (default: the run's name)")
    .action(async (wanted: string, options: RunsOptions) => {
      const report = createReport(options.json === true);
      const session = sessionOf(options.out);
      const { name, zip } = await session.exportRun((await keptRun(session, options.out, wanted)).run);
      const target = options.to ?? name;
      if (existsSync(target)) throw new UsageError(`runs: ${target} — expected a new file, got one that is there. Give another with --to.`);
      const bytes = new Uint8Array(await zip.arrayBuffer());
      try {
        writeFileSync(target, bytes);
      } catch (error) {
        throw new UsageError(
          `runs: ${target} could not be written (${error instanceof Error ? error.message : String(error)}). Give another place with --to.`,
        );
      }
      report.fact('exported', { file: target, bytes: zip.size });
      report.say(`Written to ${target}. "runs import" and the page's runs menu take it in.`);
    });
  add(
    'import <path>',
    "adds an exported run's zip, or the folder of a job that PyTorch trained; compress --resume goes on with a run",
  ).action(async (path: string, options: RunsOptions) => {
    const report = createReport(options.json === true);
    const files = filesOf(path);
    const [only] = files;
    const isFolder = files.length !== 1 || only === undefined || statSync(path).isDirectory();
    makeFolder(runsFolder(options.out));
    const added = await sessionOf(options.out).importRun(isFolder ? files : await wholeOf(only));
    report.fact('run', added);
    report.say(`Added:\n${lineOf(added)}`);
  });
  add('rename <run> <name>', 'gives a run another name').action(async (wanted: string, name: string, options: RunsOptions) => {
    const session = sessionOf(options.out);
    const { run } = await keptRun(session, options.out, wanted);
    await session.renameRun(run, name);
    const report = createReport(options.json === true);
    report.fact('renamed', { run, name });
    report.say(`${wanted} is now ${name}.`);
  });
  add('delete <run>', 'takes a run out; restore brings it back for a day').action(async (wanted: string, options: RunsOptions) => {
    const session = sessionOf(options.out);
    const { run } = await keptRun(session, options.out, wanted);
    await session.deleteRun(run);
    const report = createReport(options.json === true);
    report.fact('deleted', { run });
    report.say(`Deleted. Within a day "runs restore ${run} --out ${options.out}" brings it back.`);
  });
  add('restore <run>', 'brings back a run that was deleted, by its file name').action(async (run: string, options: RunsOptions) => {
    await sessionOf(options.out).restoreRun(run);
    const report = createReport(options.json === true);
    report.fact('restored', { run });
    report.say(`${run} is back.`);
  });
}
