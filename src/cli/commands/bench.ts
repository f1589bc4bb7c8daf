import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { EXIT, UsageError } from '../usage.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const BENCH = fileURLToPath(new URL('../../../scripts/bench.mjs', import.meta.url));

/** `bench`: the measurements of `npm run bench`, with whatever options they take. */
export function addBench(program: Command): void {
  program
    .command('bench')
    .description('measure the engines on this machine (npm run bench)')
    .argument('[options...]', 'those of npm run bench')
    // Its --help lists what the measurements take.
    .helpOption(false)
    .allowUnknownOption()
    .action((passed: readonly string[]) => {
      if (!existsSync(`${ROOT}bench/speed/main.ts`))
        throw new UsageError('bench: expected a clone with its bench/ folder. Run it from the repository.');
      process.exitCode = spawnSync(process.execPath, [BENCH, ...passed], { stdio: 'inherit' }).status ?? EXIT.failed;
    });
}
