// `npm run package`: the terminal program as plain JavaScript in built/, and the tarball that npm installs anywhere, here or in
// the folder that is given. Not by `npm pack` alone: .npmrc turns scripts of npm's own off, so that it would build nothing.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildProgram } from './buildProgram.mjs';
import { main, ROOT, setup } from './setup.mjs';

const BUILT = join(ROOT, 'built');
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
  rmSync(BUILT, { recursive: true, force: true });
  buildProgram(BUILT);
  console.log(pack(process.argv[2] ?? ROOT));
});
