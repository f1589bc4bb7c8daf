import type { Command } from 'commander';
import { checkPaths } from '../givenPaths.ts';
import { asksForCut, openTeacherForText, studentOptions, teacherOptions, textOptions, type TeacherOptions } from '../options.ts';
import { recipeFrom, wishedVocabulary, type RecipeOptions } from '../recipe.ts';
import { costLines, createReport, phaseLine, shapeInWords } from '../report.ts';
import { trainingOptions } from '../settingOptions.ts';
import { taskOptions } from '../sentenceOptions.ts';

/** `plan`: what a student would cost, nothing run. */
export function addPlan(program: Command): void {
  const command = program
    .command('plan')
    .description('what a student would cost: parameters, bytes, multiply-adds, memory; nothing is run');
  trainingOptions(studentOptions(textOptions(taskOptions(teacherOptions(command)))))
    .option('--recipe <file>', 'start from the run.json of an earlier run')
    .action(async (options: TeacherOptions & RecipeOptions) => {
      const report = createReport(options.json === true);
      checkPaths(options, { text: asksForCut(options) });
      const { session, teacher } = await openTeacherForText(options, report, undefined, ({ session }) =>
        wishedVocabulary(session, options),
      );
      const recipe = await recipeFrom(session, options);
      const cost = await session.plan(recipe);
      const phases = await session.stepCosts(recipe);
      report.fact('plan', { recipe, cost, phases });
      report.say(
        [
          `Teacher: ${shapeInWords(teacher.shape)}`,
          `Student: ${shapeInWords(recipe.student)}`,
          ...costLines(cost),
          ...phases.map(phaseLine),
        ].join('\n'),
      );
    });
}
