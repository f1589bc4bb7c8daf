import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildProgram } from '../../scripts/buildProgram.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Inside the repository, so that the program finds its packages. */
const PLACE = join(ROOT, '.cache', 'terminal');
const DAY_MS = 86_400_000;

/** Of every file that the program is made of. */
function fingerprint(): string {
  const hash = createHash('sha256');
  for (const room of ['src', 'workers', 'public/demo'])
    for (const path of readdirSync(join(ROOT, room), { recursive: true, encoding: 'utf8' }).toSorted()) {
      const file = join(ROOT, room, path);
      if (statSync(file).isFile()) hash.update(path).update(readFileSync(file));
    }
  return hash.digest('hex').slice(0, 16);
}

let compiled = '';

/**
 * The terminal program of the sources as they are, as JavaScript. The first test process that needs it compiles it; the others, and
 * later runs with the same sources, find it.
 * @returns the path of its entry
 */
export function compiledTerminal(): string {
  if (compiled !== '') return compiled;
  const folder = join(PLACE, fingerprint());
  compiled = join(folder, 'src/cli/main.js');
  if (existsSync(compiled)) return compiled;
  mkdirSync(PLACE, { recursive: true });
  // Another process may still run one of yesterday, but none of the day before.
  for (const name of readdirSync(PLACE))
    if (Date.now() - statSync(join(PLACE, name)).mtimeMs > DAY_MS) rmSync(join(PLACE, name), { recursive: true, force: true });
  const made = mkdtempSync(join(PLACE, 'making-'));
  buildProgram(made, ['--noCheck']);
  try {
    renameSync(made, folder);
  } catch (error) {
    // Two processes began at once, and the other one was faster.
    rmSync(made, { recursive: true, force: true });
    if (!existsSync(compiled)) throw error;
  }
  return compiled;
}
