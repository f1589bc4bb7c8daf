import type { Command } from 'commander';
import { openTeacher, teacherOptions, type TeacherOptions } from '../options.ts';
import { createReport, grouped, megabytes, shapeInWords } from '../report.ts';

const some = (names: readonly string[]): string =>
  names.length === 0 ? 'none' : names.length <= 6 ? names.join(', ') : `${names.slice(0, 6).join(', ')} and ${names.length - 6} more`;

/** `inspect`: what a checkpoint holds, tensor by tensor checked, nothing run. */
export function addInspect(program: Command): void {
  teacherOptions(program.command('inspect').description("the teacher's report: shape, size, what was renamed or ignored")).action(
    async (options: TeacherOptions) => {
      const report = createReport(options.json === true);
      const { session, teacher } = await openTeacher(options, report);
      const presets = await session.presets();
      report.fact('presets', { presets });
      report.say(
        [
          `Teacher ${teacher.name}: ${shapeInWords(teacher.shape)}`,
          `Parameters: ${grouped(teacher.parameters)} (${megabytes(teacher.bytes)} in fp32)`,
          `Vocabulary: ${grouped(teacher.vocabularySize)} tokens, ${teacher.maxPositions} positions`,
          `Renamed: ${some(teacher.renamed)}`,
          `Ignored: ${some(teacher.ignored)}`,
          'Students by name:',
          ...presets.map(({ name, shape }) => `  ${name.padEnd(8)}${shapeInWords(shape)}`),
        ].join('\n'),
      );
    },
  );
}
