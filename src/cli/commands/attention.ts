import { writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { attentionSvg } from '../attentionSvg.ts';
import { filesOf } from '../files.ts';
import { checkPaths } from '../givenPaths.ts';
import {
  engineOptions,
  openEngine,
  openTeacherForText,
  openText,
  sayVocabulary,
  teacherOptions,
  textOptions,
  type EngineOptions,
  type TeacherOptions,
  type TextOptions,
} from '../options.ts';
import { makeFolder } from '../outFolder.ts';
import { WORDS_TASK } from '../../studio/settings/tasks.ts';
import { createReport } from '../report.ts';
import { UsageError, whole } from '../usage.ts';

interface AttentionOptions extends TeacherOptions, TextOptions, EngineOptions {
  readonly student: string;
  readonly sentence?: string;
  readonly layer?: number;
  readonly head?: number;
  readonly out?: string;
}

/** `attention`: similarity of a student's attention patterns to its teacher's as a table, and a sentence's maps as SVG. */
export function addAttention(program: Command): void {
  const command = program
    .command('attention')
    .description("similarity of a student's attention to its teacher's, by layer and head; maps of a sentence as SVG");
  engineOptions(textOptions(teacherOptions(command)))
    .requiredOption('--student <path>', "the student's folder")
    .option('--sentence <text>', 'draw the maps of this sentence; goes with --out')
    .option('--layer <n>', "of this student layer alone, from 0, as in the weights' names", whole(0))
    .option('--head <n>', 'of this student head alone, from 0', whole(0))
    .option('--out <folder>', 'where the SVG files go')
    .addHelpText(
      'after',
      `
Example:
  npm run compress -- attention --demo --student student --sentence "the river ran past the mill" --out maps`,
    )
    .action(async (options: AttentionOptions) => {
      const { sentence, out } = options;
      if ((sentence === undefined) !== (out === undefined))
        throw new UsageError(
          'attention: expected --sentence and --out together, got one of them. The maps of the sentence go to that folder.',
        );
      checkPaths(options, { text: true });
      const report = createReport(options.json === true);
      const { session, teacher } = await openTeacherForText({ ...options, task: WORDS_TASK }, report);
      const student = { name: basename(resolve(options.student)), files: filesOf(options.student) };
      sayVocabulary(await session.checkStudent(student), teacher, report);
      const defaults = await session.defaults();
      const seed = options.seed ?? defaults.seed;
      const { sequence = defaults.sequence, documents = defaults.documents } = options;
      await openText(session, options, { sequence, seed, documents }, report);
      await openEngine(session, options, report);
      const { similarity, layerMap, tokens, maps } = await session.attentionOf(student, seed, sentence, report.event);
      report.fact('attention', { similarity, layerMap });
      report.say(similarityTable(similarity.layers, layerMap));
      report.say(
        `Mean ${similarity.mean.toFixed(3)} (1 - Jensen-Shannon divergence in bits; 1 is identical), cosine ${similarity.cosine.toFixed(3)}; other heads of the same layer, by chance: ${similarity.chance.toFixed(3)}`,
      );
      if (out === undefined) return;
      const wanted = maps.filter(({ layer, head }) => layer === (options.layer ?? layer) && head === (options.head ?? head));
      if (wanted.length === 0)
        throw new UsageError(
          `attention: expected a layer from 0 to ${layerMap.length - 1} and a head from 0 to ${(similarity.layers[0]?.length ?? 1) - 1}, got layer ${options.layer ?? 'any'} and head ${options.head ?? 'any'}.`,
        );
      makeFolder(out);
      for (const { layer, head, origin, ...both } of wanted) {
        const heading = `${student.name}, layer ${layer}, head ${head}, beside ${teacher.name}, layer ${layerMap[layer]}, head ${origin}`;
        writeFileSync(join(out, `layer-${layer}-head-${head}.svg`), attentionSvg(heading, tokens, both.teacher, both.student));
      }
      report.say(`${wanted.length} maps in ${out}. What a head attends to does not explain what the model decides.`);
    });
}

function similarityTable(layers: readonly (readonly number[])[], layerMap: readonly number[]): string {
  const heads = layers[0]?.length ?? 0;
  const cell = (text: string): string => text.padStart(8);
  const header = ['student layer', 'teacher layer', ...Array.from({ length: heads }, (_, head) => cell(`head ${head}`)), cell('mean')];
  return [
    header.join('  '),
    ...layers.map((row, layer) => {
      const mean = row.reduce((sum, value) => sum + value, 0) / Math.max(1, row.length);
      const names = [String(layer).padStart(13), String(layerMap[layer] ?? '').padStart(13)];
      return [...names, ...row.map((value) => cell(value.toFixed(3))), cell(mean.toFixed(3))].join('  ');
    }),
  ].join('\n');
}
