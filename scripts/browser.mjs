// Finds a Chromium, Chrome or Edge for the browser tests, and installs one where there is none.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { main, ROOT } from './setup.mjs';
import { pathToFileURL } from 'node:url';

const NAMES = [
  'chromium',
  'chromium-browser',
  'google-chrome-stable',
  'google-chrome',
  'chrome',
  'microsoft-edge-stable',
  'microsoft-edge',
  'msedge',
];

const MAC_APPS = ['Google Chrome', 'Chromium', 'Microsoft Edge'];
const WINDOWS_PLACES = [
  'Google\\Chrome\\Application\\chrome.exe',
  'Chromium\\Application\\chrome.exe',
  'Microsoft\\Edge\\Application\\msedge.exe',
];

/** Quiet and sealed: no first-run pages, no update or sync traffic. Containers run as root, hence no sandbox. */
export const BROWSER_ARGS = [
  '--headless',
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

function isProgram(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

function places() {
  const { env, platform } = process;
  if (platform === 'darwin') {
    const folders = ['/Applications', join(env.HOME ?? '', 'Applications')];
    return folders.flatMap((folder) => MAC_APPS.map((app) => join(folder, `${app}.app/Contents/MacOS/${app}`)));
  }
  if (platform === 'win32') {
    const folders = [env.PROGRAMFILES, env['PROGRAMFILES(X86)'], env.LOCALAPPDATA].filter(Boolean);
    return folders.flatMap((folder) => WINDOWS_PLACES.map((place) => join(folder, place)));
  }
  return [];
}

function installed() {
  const path = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  const suffix = process.platform === 'win32' ? '.exe' : '';
  return [...NAMES.flatMap((name) => path.map((folder) => join(folder, name + suffix))), ...places()].find(isProgram);
}

async function playwrightsOwn() {
  const { chromium } = await import('playwright-core');
  const file = chromium.executablePath();
  return isProgram(file) ? file : undefined;
}

function attempt(command, args) {
  return (
    spawnSync(command, args, {
      cwd: ROOT,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    }).status === 0
  );
}

/**
 * Path of a browser program; installs one when there is none.
 * @throws Error with one sentence that names the cure
 */
export async function findBrowser() {
  const chosen = process.env.WID_BROWSER;
  if (chosen) {
    if (isProgram(chosen)) return chosen;
    throw new Error(`browser: WID_BROWSER — expected a program, got ${chosen}. Point it at a Chromium, Chrome or Edge.`);
  }
  const present = installed() ?? (await playwrightsOwn());
  if (present) return present;
  console.log('Installing a browser for the browser tests ...');
  if (process.getuid?.() === 0 && isProgram('/usr/bin/apt-get')) {
    attempt('apt-get', ['update']);
    attempt('apt-get', ['install', '-y', '--no-install-recommends', 'chromium']);
  }
  if (!installed()) attempt(process.execPath, [join(ROOT, 'node_modules/playwright-core/cli.js'), 'install', 'chromium']);
  const fresh = installed() ?? (await playwrightsOwn());
  if (fresh) return fresh;
  throw new Error('browser: found no Chromium, Chrome or Edge and could not install one. Install one, or set WID_BROWSER to its path.');
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  await main(async () => console.log(await findBrowser()));
