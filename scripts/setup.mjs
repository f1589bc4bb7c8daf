// Makes a fresh clone ready: installs the locked packages when they are missing or stale, and builds the kernels.
// No dependencies of its own; says nothing when nothing is to be done. Run by itself (`npm run setup`) it says when all is ready.
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MODULES = join(ROOT, 'node_modules');

/** The packages of a lock file of npm, by their paths. @param file its path in the repository */
export const packagesOf = (file) => JSON.parse(readFileSync(join(ROOT, file), 'utf8')).packages;

const RECORD = 'node_modules/.package-lock.json';

/**
 * Whether `installed`, which npm writes into `node_modules` when it is done, holds what `locked` asks for, and nothing else.
 * Optional packages for other platforms may be missing.
 */
export function fitsLock(locked, installed) {
  const wanted = Object.entries(locked).filter(([path]) => path !== '');
  return (
    wanted.every(([path, { version, integrity, optional }]) => {
      const found = installed[path];
      return found === undefined ? optional === true : found.version === version && found.integrity === integrity;
    }) && Object.keys(installed).every((path) => path in locked)
  );
}

const isInstalled = () => existsSync(join(ROOT, RECORD)) && fitsLock(packagesOf('package-lock.json'), packagesOf(RECORD));

function installPackages() {
  if (isInstalled()) return;
  // npm would empty the folder behind the link, from which other clones may be running.
  if (lstatSync(MODULES, { throwIfNoEntry: false })?.isSymbolicLink())
    throw new Error(
      `setup: node_modules — expected the locked packages, got a link to others in ${realpathSync(MODULES)}. Remove the link and run the command again.`,
    );
  console.log('Installing the locked packages ...');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const { status } = spawnSync(npm, ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (status !== 0)
    throw new Error('setup: npm ci failed. Check the network connection to the package registry and run the command again.');
}

/** What `engines` of package.json says: Vite and the linter need `^20.19.0 || >=22.12.0`. */
export function fitsNode(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22;
}

/** @throws Error with one sentence that names the cure */
export async function setup() {
  if (!fitsNode(process.versions.node))
    throw new Error(
      `setup: expected Node 20.19 or newer (of 22, 22.12 or newer), got ${process.versions.node}. Install one from nodejs.org.`,
    );
  installPackages();
  const { buildKernels } = await import('./buildKernels.mjs');
  await buildKernels();
}

/** Runs a script of this folder and turns what it throws into one line. */
export async function main(work) {
  try {
    await work();
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await main(async () => {
    await setup();
    console.log('Ready: npm start opens the studio, npm run test:unit -- tests/tensor runs some tests.');
  });
