// Everything that must hold: types, lint, format, then unit tests and, beside them, browser tests against the built app.
// Then the slowest tests; the last line sums the runners' own reports.
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { audit } from './audit.mjs';
import { main, ROOT, setup } from './setup.mjs';

const folder = mkdtempSync(join(tmpdir(), 'wid-studio-test-'));
const total = { passed: 0, failed: 0 };
const SLOWEST = 20;
/** Of every test and of every file's hooks: name and milliseconds. */
const times = [];

const announce = (command, args) => console.log(`\n> ${command} ${args.join(' ')}`);
const pathOf = (command) => join(ROOT, 'node_modules', command);

function check(name, command, args) {
  announce(command, args);
  const { status } = spawnSync(process.execPath, [pathOf(command), ...args], { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status === 0) total.passed += 1;
  else {
    total.failed += 1;
    console.error(`${name} failed.`);
  }
}

/**
 * Vitest on one of its projects, with its JSON report; a run that reports no test has failed.
 * @param later what it prints is shown when it has ended, not at once: another suite prints meanwhile
 */
async function suite(project, later = false) {
  const report = join(folder, `${project}.json`);
  const took = join(folder, `${project}-times.json`);
  const log = join(folder, `${project}.log`);
  const reporters = ['default', 'json', './scripts/slowest.mjs'].map((reporter) => `--reporter=${reporter}`);
  const args = ['run', ...reporters, `--outputFile.json=${report}`, '--project', project];
  const output = later ? openSync(log, 'w') : 'inherit';
  if (!later) announce('vitest/vitest.mjs', args);
  const child = spawn(process.execPath, [pathOf('vitest/vitest.mjs'), ...args], {
    cwd: ROOT,
    stdio: ['ignore', output, output],
    env: { ...process.env, WID_STUDIO_TIMES: took },
  });
  const status = await new Promise((ended) => {
    child.on('error', () => ended(1));
    child.on('close', (code) => ended(code ?? 1));
  });
  if (later) {
    closeSync(output);
    announce('vitest/vitest.mjs', args);
    process.stdout.write(readFileSync(log));
  }
  if (existsSync(took)) times.push(...JSON.parse(readFileSync(took, 'utf8')));
  const result = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : { numPassedTests: 0, numFailedTests: 0 };
  total.passed += result.numPassedTests;
  total.failed += result.numFailedTests;
  // A suite that crashes outside of a test counts no failed test of its own.
  if (result.numPassedTests === 0 || (status !== 0 && result.numFailedTests === 0)) total.failed += 1;
}

await main(async () => {
  await setup();
  check('Type check', 'typescript/bin/tsc', ['-p', '.']);
  check('Lint', 'oxlint/bin/oxlint', ['--type-aware', '--deny-warnings']);
  check('Format', 'oxfmt/bin/oxfmt', ['--check', '.']);
  // Without a report from the registry there is nothing to count.
  const vulnerabilities = audit();
  if (vulnerabilities === 'clean') total.passed += 1;
  if (vulnerabilities === 'serious') total.failed += 1;
  check('Build', 'vite/bin/vite.js', ['build', '--logLevel', 'warn']);
  const { findBrowser, findFirefox } = await import('./browser.mjs');
  await findBrowser();
  findFirefox();
  // Browser tests wait for most of their time, and unit tests do not.
  await Promise.all([suite('unit'), suite('browser', true)]);
  rmSync(folder, { recursive: true, force: true });
  console.log(`\nThe slowest ${SLOWEST}, in seconds on the clock:`);
  for (const { name, ms } of times.toSorted((a, b) => b.ms - a.ms).slice(0, SLOWEST))
    console.log(`${(ms / 1000).toFixed(1).padStart(7)}  ${name}`);
  console.log(`\n${total.passed} passed, ${total.failed} failed`);
  if (total.failed > 0) process.exitCode = 1;
});
