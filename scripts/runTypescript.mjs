// Set-up, then a TypeScript program of this repository with the arguments given to it.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { main, ROOT, setup } from './setup.mjs';

/** @param {string} program path from the repository root; it keeps the caller's folder, so that relative paths mean what they say */
export function runTypescript(program) {
  return main(async () => {
    await setup();
    const command = [join(ROOT, 'node_modules/tsx/dist/cli.mjs'), join(ROOT, program), ...process.argv.slice(2)];
    // npm runs scripts in the package folder and leaves the caller's in INIT_CWD.
    const { status } = spawnSync(process.execPath, command, { cwd: process.env.INIT_CWD ?? process.cwd(), stdio: 'inherit' });
    process.exitCode = status ?? 1;
  });
}
