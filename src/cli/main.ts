import { Command, CommanderError } from 'commander';
import { addAttention } from './commands/attention.ts';
import { addBench } from './commands/bench.ts';
import { addCompress } from './commands/compress.ts';
import { addEmbed } from './commands/embed.ts';
import { addEvaluate } from './commands/evaluate.ts';
import { addExport } from './commands/export.ts';
import { addInspect } from './commands/inspect.ts';
import { addRuns } from './commands/runs.ts';
import { addPlan } from './commands/plan.ts';
import { endWithReader, exit } from './interruption.ts';
import { EXIT, exitCodeOf } from './usage.ts';

const program = new Command('wid-studio')
  .description('Makes a BERT smaller by Weight-Inherited Distillation, on this machine. Nothing leaves it.')
  // Set before the commands are added: they inherit it.
  .exitOverride()
  .showHelpAfterError('Run it with --help for the options and examples.')
  .addHelpText(
    'after',
    `
Examples:
  npm run compress -- --demo --preset half --steps 100 --out student
  npm run compress -- plan --demo --max-mb 10
  npm run compress -- inspect --teacher my-bert
  npm run compress -- compress --help

Exit codes: 0 done, 1 it failed, 2 what you gave is wrong, 130 interrupted.`,
  );
addCompress(program);
addPlan(program);
addInspect(program);
addEvaluate(program);
addEmbed(program);
addAttention(program);
addExport(program);
addRuns(program);
addBench(program);

endWithReader();
try {
  await program.parseAsync();
  // Engine threads would keep the program waiting.
  await exit(Number(process.exitCode ?? EXIT.done));
} catch (error) {
  // Commander has written its own sentence; asking for help is no error.
  if (error instanceof CommanderError) await exit(error.exitCode === 0 ? EXIT.done : EXIT.usage);
  console.error(error instanceof Error ? error.message : String(error));
  if (process.argv.includes('--json') && error instanceof Error)
    console.log(JSON.stringify({ kind: 'error', code: 'code' in error ? error.code : 'usage', message: error.message }));
  await exit(exitCodeOf(error));
}
