// The terminal program as plain JavaScript: what `npm run package` packs, and what the tests of the terminal start.
import { spawnSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './setup.mjs';

/** What the program finds by its place beside it, and is no TypeScript. */
const BESIDE = ['src/engines/wasm/built', 'public/demo'];

/**
 * One file for each source file, in the same places to one another.
 * @param {string} folder where it goes
 * @param {readonly string[]} options more options of the compiler
 * @throws Error if it does not compile
 */
export function buildProgram(folder, options = []) {
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  const command = [compiler, '-p', join(ROOT, 'scripts/package.tsconfig.json'), '--outDir', folder, ...options];
  // The compiler's words go to stderr: stdout is for the answer of the script that builds.
  const { status } = spawnSync(process.execPath, command, { stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error('package: the terminal program did not compile.');
  for (const place of BESIDE) cpSync(join(ROOT, place), join(folder, place), { recursive: true });
}
