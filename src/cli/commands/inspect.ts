import { sizeInWords } from '../../tensor/bytes.ts';
import type { Command } from 'commander';
import type { TensorUse } from '../../studio/api/teacher.ts';
import { checkPaths } from '../givenPaths.ts';
import {
  asksForCut,
  openTeacherForText,
  openText,
  teacherOptions,
  textOptions,
  type TeacherOptions,
  type TextOptions,
} from '../options.ts';
import { createReport, grouped, shapeInWords, some } from '../report.ts';
import { textLines } from '../textReport.ts';
import { taskOptions } from '../sentenceOptions.ts';

function tensorLine({ name, shape, dtype, use, as, why }: TensorUse): string {
  const fate = as === undefined ? `${use}: ${why ?? ''}` : as === name ? 'used' : `used as ${as}`;
  return `  ${name} ${dtype} [${shape.join(', ')}] ${fate}`;
}

/** `inspect`: what a checkpoint holds, tensor by tensor checked, nothing trained. */
export function addInspect(program: Command): void {
  const command = program
    .command('inspect')
    .description("the teacher's report: shape, size, what became of every tensor; with --text, the text's as the teacher reads it");
  textOptions(taskOptions(teacherOptions(command)))
    .option('--tensors', 'list every tensor: used as, renamed from, ignored because, missing')
    .action(async (options: TeacherOptions & TextOptions & { readonly tensors?: true }) => {
      const report = createReport(options.json === true);
      checkPaths(options, { text: asksForCut(options) });
      const { session, teacher } = await openTeacherForText(options, report);
      const { presets } = await session.beginnings();
      report.fact('presets', { presets });
      report.say(
        [
          `Teacher ${teacher.name}: ${shapeInWords(teacher.shape)}`,
          `Parameters: ${grouped(teacher.parameters)} (${sizeInWords(teacher.bytes)} in fp32)`,
          `Vocabulary: ${grouped(teacher.vocabularySize)} tokens, ${teacher.maxPositions} positions`,
          `Head for masked language modelling: ${teacher.head === 'mlm' ? 'yes' : 'none'}`,
          ...teacher.notes,
          `Renamed: ${some(teacher.renamed)}`,
          `Ignored: ${some(teacher.ignored)}`,
          ...(options.tensors === true ? teacher.tensors.map(tensorLine) : []),
          'Students by name:',
          ...presets.map(({ name, shape }) => `  ${name.padEnd(8)}${shapeInWords(shape)}`),
        ].join('\n'),
      );
      if (options.text === undefined) return;
      const defaults = await session.defaults();
      const { sequence = defaults.sequence, documents = defaults.documents, seed = 1 } = options;
      const text = await openText(session, options, { sequence, seed, documents }, report);
      report.say(textLines(text).join('\n'));
    });
}
