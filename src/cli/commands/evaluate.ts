import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import { filesOf } from '../files.ts';
import { checkPaths } from '../givenPaths.ts';
import {
  asksForCut,
  engineOptions,
  namedFiles,
  openEngine,
  openSession,
  openTeacherForText,
  openText,
  sayVocabulary,
  teacherOptions,
  textOptions,
  type EngineOptions,
  type TeacherOptions,
  type TextOptions,
} from '../options.ts';
import { WORDS_TASK } from '../../studio/settings/tasks.ts';
import { createReport, heldOutLine, percent, type Report } from '../report.ts';
import { sayEncoder, sentenceOptions, sentenceWish, type SentenceOptions } from '../sentenceOptions.ts';
import { UsageError } from '../usage.ts';

interface EvaluateOptions extends TeacherOptions, TextOptions, EngineOptions, SentenceOptions {
  readonly student?: string;
  readonly pairs?: string;
  readonly pairColumns?: string;
}

/**
 * `evaluate`: held-out numbers of a checkpoint, and of a student beside it on the same masked tokens; with `--pairs`, how their
 * vectors of sentences follow people's scores.
 */
export function addEvaluate(program: Command): void {
  const command = program.command('evaluate').description('held-out loss and accuracy of a checkpoint, and of a student beside it');
  engineOptions(sentenceOptions(textOptions(teacherOptions(command))))
    .option('--student <path>', "a student's folder, judged on the same masked tokens or pairs")
    .option('--pairs <table>', 'judge sentence vectors by a table (CSV, TSV or JSON Lines) of two sentences and a score a row')
    .option('--pair-columns <names>', 'its columns, as in sentence1,sentence2,score (default: by name and content)')
    .action(async (options: EvaluateOptions) => {
      const report = createReport(options.json === true);
      checkPaths(options, { text: options.pairs === undefined });
      if (options.pairs !== undefined && asksForCut(options))
        throw new UsageError(
          'vocabulary: expected --vocabulary or --pairs, got both. A vocabulary is cut by a text; judge an exported student instead.',
        );
      if (options.pairs !== undefined) return evaluatePairs(options, options.pairs, report);
      const { session, teacher } = await openTeacherForText({ ...options, task: WORDS_TASK }, report);
      const path = options.student;
      const student = path === undefined ? undefined : { name: basename(resolve(path)), files: filesOf(path) };
      if (student !== undefined) sayVocabulary(await session.checkStudent(student), teacher, report);
      const defaults = await session.defaults();
      const sequence = options.sequence ?? defaults.sequence;
      const batch = options.batch ?? defaults.batch;
      const seed = options.seed ?? defaults.seed;
      const documents = options.documents ?? defaults.documents;
      await openText(session, options, { sequence, seed, documents }, report);
      await openEngine(session, options, report);
      const judged = await session.evaluate(student, batch, seed, report.event);
      report.fact('evaluation', judged);
      report.say(heldOutLine(`Teacher ${teacher.name}`, judged.teacher));
      if (student !== undefined && judged.student !== undefined)
        report.say(
          `${heldOutLine(`Student ${student.name}`, judged.student)}, agreement with the teacher ${percent(judged.student.agreement)}`,
        );
    });
}

async function evaluatePairs(options: EvaluateOptions, table: string, report: Report): Promise<void> {
  const { student } = options;
  const [file, ...more] = filesOf(table);
  if (file === undefined || more.length > 0)
    throw new UsageError(`--pairs ${table}: expected a file, got a folder. Give the table itself.`);
  const columns = options.pairColumns?.split(',').map((name) => name.trim());
  const [first, second, score, ...rest] = columns ?? [];
  if (columns !== undefined && (first === undefined || second === undefined || score === undefined || rest.length > 0))
    throw new UsageError(`--pair-columns ${columns.join(',')}: expected three names with commas between, got ${columns.length}.`);
  const named = first === undefined || second === undefined || score === undefined ? undefined : { first, second, score };
  const [teacherName, teacherFiles] = namedFiles(options.teacher);
  const session = openSession();
  await openEngine(session, options, report);
  const judged = await session.judgePairs(
    file,
    named,
    { name: teacherName, files: teacherFiles },
    student === undefined ? undefined : { name: basename(resolve(student)), files: filesOf(student) },
    sentenceWish(options),
    report.event,
  );
  report.fact('pairs', judged);
  for (const notice of judged.notices) report.say(notice);
  report.say(`${judged.pairs} pairs: ${judged.columns.first}, ${judged.columns.second}; scores: ${judged.columns.score}`);
  sayEncoder('Teacher', judged.teacher.encoder, report);
  report.say(correlations(judged.teacher));
  if (judged.student === undefined) return;
  sayEncoder('Student', judged.student.encoder, report);
  const share = judged.student.spearman / judged.teacher.spearman;
  // A share of nothing would be no number.
  const beside = judged.teacher.spearman !== 0 ? ` (${percent(share)} of the teacher's Spearman)` : '';
  report.say(`${correlations(judged.student)}${beside}`);
  const { cosine, similarities, neighbours } = judged.student.beside;
  report.say(`Rank correlation of both models' cosines: ${similarities.toFixed(3)}`);
  if (cosine !== null) report.say(`Mean cosine of a sentence's two vectors: ${cosine.toFixed(3)}`);
  if (neighbours !== null)
    report.say(
      `Neighbours among ${neighbours.sentences} sentences: the nearest is the same for ${percent(neighbours.first)}, among the nearest ${neighbours.among} for ${percent(neighbours.found)}; ${percent(neighbours.overlap)} of the nearest ${neighbours.among} are the same`,
    );
}

function correlations({ spearman, pearson }: { readonly spearman: number; readonly pearson: number }): string {
  return `Cosine against score: Spearman ${(100 * spearman).toFixed(2)}, Pearson ${(100 * pearson).toFixed(2)} (times 100)`;
}
