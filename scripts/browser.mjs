// Finds a Chromium, Chrome or Edge for the browser tests, and installs one where there is none; finds or installs a Firefox beside it.
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

const CHROMIUM = {
  names: NAMES,
  mac: MAC_APPS.map((app) => `${app}.app/Contents/MacOS/${app}`),
  windows: WINDOWS_PLACES,
};
const FIREFOX = {
  names: ['firefox-esr', 'firefox'],
  mac: ['Firefox.app/Contents/MacOS/firefox'],
  windows: ['Mozilla Firefox\\firefox.exe'],
};

function places({ mac, windows }) {
  const { env, platform } = process;
  if (platform === 'darwin') {
    const folders = ['/Applications', join(env.HOME ?? '', 'Applications')];
    return folders.flatMap((folder) => mac.map((app) => join(folder, app)));
  }
  if (platform === 'win32') {
    const folders = [env.PROGRAMFILES, env['PROGRAMFILES(X86)'], env.LOCALAPPDATA].filter(Boolean);
    return folders.flatMap((folder) => windows.map((place) => join(folder, place)));
  }
  return [];
}

function installed(browser = CHROMIUM) {
  const path = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  const suffix = process.platform === 'win32' ? '.exe' : '';
  return [...browser.names.flatMap((name) => path.map((folder) => join(folder, name + suffix))), ...places(browser)].find(isProgram);
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

/** As root on Debian and its kin, such as in a container; elsewhere nothing happens. */
function installByApt(name) {
  if (process.getuid?.() !== 0 || !isProgram('/usr/bin/apt-get')) return;
  attempt('apt-get', ['update']);
  attempt('apt-get', ['install', '-y', '--no-install-recommends', name]);
}

/** @throws Error with one sentence that names the cure, if the variable names no program */
function chosenBy(variable, browsers) {
  const chosen = process.env[variable];
  if (!chosen || isProgram(chosen)) return chosen || undefined;
  throw new Error(`browser: ${variable} — expected a program, got ${chosen}. Point it at a ${browsers}.`);
}

/**
 * Path of a browser program; installs one when there is none.
 * @throws Error with one sentence that names the cure
 */
export async function findBrowser() {
  const chosen = chosenBy('WID_BROWSER', 'Chromium, Chrome or Edge');
  if (chosen) return chosen;
  const present = installed() ?? (await playwrightsOwn());
  if (present) return present;
  console.log('Installing a browser for the browser tests ...');
  installByApt('chromium');
  if (!installed()) attempt(process.execPath, [join(ROOT, 'node_modules/playwright-core/cli.js'), 'install', 'chromium']);
  const fresh = installed() ?? (await playwrightsOwn());
  if (fresh) return fresh;
  throw new Error('browser: found no Chromium, Chrome or Edge and could not install one. Install one, or set WID_BROWSER to its path.');
}

/**
 * Path of a Firefox; installs Debian's when there is none. Its tests are worth having, but no reason to fail a clone without it.
 * @returns nothing where there is none and none can be installed
 * @throws Error with one sentence that names the cure, if WID_FIREFOX names no program
 */
export function findFirefox() {
  const present = chosenBy('WID_FIREFOX', 'Firefox') ?? installed(FIREFOX);
  if (present) return present;
  installByApt('firefox-esr');
  return installed(FIREFOX);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  await main(async () => console.log(await findBrowser()));
