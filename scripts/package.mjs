// `npm run package`: the terminal program as plain JavaScript in built/, and the tarball that npm installs anywhere, here or in
// the folder that is given. Not by `npm pack` alone: .npmrc turns scripts of npm's own off, so that it would build nothing.
import { spawnSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { main, ROOT, setup } from './setup.mjs';

const BUILT = join(ROOT, 'built');
/** What is found by its place beside the program, and is no TypeScript. */
const BESIDE = ['src/engines/wasm/built', 'public/demo'];
/** A file a source file, in the same places to one another. @throws Error if it does not compile */
function buildPackage() {
  rmSync(BUILT, { recursive: true, force: true });
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  const { status } = spawnSync(process.execPath, [compiler, '-p', join(ROOT, 'scripts/package.tsconfig.json')], { stdio: 'inherit' });
  if (status !== 0) throw new Error('package: the terminal program did not compile.');
  for (const place of BESIDE) cpSync(join(ROOT, place), join(BUILT, place), { recursive: true });
}

/** @param {string} folder where the tarball goes @returns {string} its path */
function pack(folder) {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const { status, stdout } = spawnSync(npm, ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (status !== 0) throw new Error('package: npm pack failed.');
  return join(folder, JSON.parse(stdout)[0].filename);
}

await main(async () => {
  await setup();
  buildPackage();
  console.log(pack(process.argv[2] ?? ROOT));
});
