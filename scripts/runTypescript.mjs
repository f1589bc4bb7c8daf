// Set-up, then a TypeScript program of this repository with the arguments given to it.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { main, ROOT, setup } from './setup.mjs';

const INTERRUPTIONS = new Set(['SIGINT', 'SIGTERM']);

/** @param {string} program path from the repository root; it keeps the caller's folder, so that relative paths mean what they say */
export function runTypescript(program) {
  return main(async () => {
    await setup();
    const loader = pathToFileURL(join(ROOT, 'node_modules/tsx/dist/loader.mjs')).href;
    const command = ['--import', loader, join(ROOT, program), ...process.argv.slice(2)];
    // npm runs scripts in the package folder and leaves the caller's in INIT_CWD.
    const child = spawn(process.execPath, command, { cwd: process.env.INIT_CWD ?? process.cwd(), stdio: 'inherit' });
    // The program decides when it ends: it may have a student to write first.
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
    process.exitCode = await new Promise((resolve) =>
      child.on('exit', (code, signal) => resolve(code ?? (INTERRUPTIONS.has(signal) ? 130 : 1))),
    );
  });
}
