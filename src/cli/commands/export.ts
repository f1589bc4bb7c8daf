import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import { formOptions, wishedForms, writeExported, type FormOptions } from '../exportOptions.ts';
import { checkPaths } from '../givenPaths.ts';
import {
  asksForCut,
  engineOptions,
  openEngine,
  openTeacherForText,
  openText,
  teacherOptions,
  vocabularyOptions,
  type EngineOptions,
  type TeacherOptions,
  type TextOptions,
} from '../options.ts';
import { makeFolder } from '../outFolder.ts';
import { createReport, shapeInWords } from '../report.ts';
import { UsageError } from '../usage.ts';
import { taskOptions } from '../sentenceOptions.ts';

interface ExportCommandOptions
  extends TeacherOptions, EngineOptions, FormOptions, Pick<TextOptions, 'text' | 'vocabulary' | 'vocabularyText'> {
  readonly student?: string;
  readonly out: string;
}

/** `export`: any checkpoint as a folder with ONNX files, its weights unchanged. */
export function addExport(program: Command): void {
  const command = program.command('export').description('write a checkpoint as a folder with ONNX files, nothing trained');
  formOptions(engineOptions(vocabularyOptions(taskOptions(teacherOptions(command)))))
    .option('--student <path>', "a student's folder, to write it in other forms")
    .option(
      '--text <path...>',
      'text files, or folders of them, to check and judge the files on, and to cut the vocabulary by (default: a page of English)',
    )
    .requiredOption('--out <dir>', 'the folder; made if it is not there')
    .addHelpText(
      'after',
      `
Examples:
  npm run compress -- export --teacher my-bert --out my-bert-onnx
  npm run compress -- export --student student --fp16 --weights fp16 --out student-fp16
  npm run compress -- export --teacher my-e5 --text corpus/ --vocabulary 30000 --out my-e5-small
  npm run compress -- export --demo --attentions --out demo-onnx`,
    )
    .action(async (options: ExportCommandOptions) => {
      const { student, ...others } = options;
      if (student !== undefined && (options.teacher !== undefined || options.demo === true))
        throw new UsageError('export: expected one of --teacher, --student and --demo, got more. Leave the others out.');
      const report = createReport(options.json === true);
      const source = student === undefined ? others : { ...others, teacher: student };
      checkPaths(source, { text: asksForCut(options) });
      const { session, teacher } = await openTeacherForText(source, report);
      if (options.text !== undefined || options.demo === true) {
        const { sequence, seed } = await session.defaults();
        // Files are judged one document a row, or on running text: nothing need be compared for it.
        await openText(session, options, { sequence, seed, documents: 'joined' }, report);
      }
      makeFolder(options.out);
      await openEngine(session, options, report);
      report.say(`${teacher.name}: ${shapeInWords(teacher.shape)}`);
      const exported = await session.exportTeacher(basename(resolve(options.out)), report.event, wishedForms(options));
      process.exitCode = await writeExported(exported, options.out, report);
      report.say(`Written to ${options.out}`);
    });
}
