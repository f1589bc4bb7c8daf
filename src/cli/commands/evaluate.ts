import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import { filesOf } from '../files.ts';
import { checkPaths } from '../givenPaths.ts';
import {
  engineOptions,
  openEngine,
  openTeacher,
  openText,
  teacherOptions,
  textOptions,
  type EngineOptions,
  type TeacherOptions,
  type TextOptions,
} from '../options.ts';
import { createReport, heldOutLine, percent } from '../report.ts';

interface EvaluateOptions extends TeacherOptions, TextOptions, EngineOptions {
  readonly student?: string;
}

/** `evaluate`: held-out numbers of a checkpoint, and of a student beside it on the same masked tokens. */
export function addEvaluate(program: Command): void {
  const command = program.command('evaluate').description('held-out loss and accuracy of a checkpoint, and of a student beside it');
  engineOptions(textOptions(teacherOptions(command)))
    .option('--student <path>', "a student's folder, judged on the same masked tokens")
    .action(async (options: EvaluateOptions) => {
      const report = createReport(options.json === true);
      checkPaths(options, { text: true });
      const { session, teacher } = await openTeacher(options, report);
      const path = options.student;
      const student = path === undefined ? undefined : { name: basename(resolve(path)), files: filesOf(path) };
      if (student !== undefined) await session.checkStudent(student);
      const defaults = await session.defaults();
      const sequence = options.sequence ?? defaults.sequence;
      const batch = options.batch ?? defaults.batch;
      const seed = options.seed ?? defaults.seed;
      await openText(session, options, sequence, seed, report);
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
