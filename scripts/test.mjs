// Everything that must hold: types, lint, format, unit tests, then browser tests against the built app.
// Then the slowest tests; the last line sums the runners' own reports.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { audit } from './audit.mjs';
import { main, ROOT, setup } from './setup.mjs';

const folder = mkdtempSync(join(tmpdir(), 'wid-studio-test-'));
const total = { passed: 0, failed: 0 };
const SLOWEST = 20;
/** Of every test and of every file's hooks: name and milliseconds. */
const times = [];

function run(command, args, env = {}) {
  console.log(`\n> ${command} ${args.join(' ')}`);
  return (
    spawnSync(process.execPath, [join(ROOT, 'node_modules', command), ...args], {
      cwd: ROOT,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...env },
    }).status ?? 1
  );
}

function check(name, command, args) {
  if (run(command, args) === 0) total.passed += 1;
  else {
    total.failed += 1;
    console.error(`${name} failed.`);
  }
}

/** Vitest with its JSON report; a run that reports no test has failed. */
function suite(name, args) {
  const report = join(folder, `${name}.json`);
  const took = join(folder, `${name}-times.json`);
  const reporters = ['default', 'json', './scripts/slowest.mjs'].map((reporter) => `--reporter=${reporter}`);
  const status = run('vitest/vitest.mjs', ['run', ...reporters, `--outputFile.json=${report}`, ...args], { WID_STUDIO_TIMES: took });
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
  suite('unit', ['--project', 'unit']);
  if (existsSync(join(ROOT, 'index.html'))) {
    check('Build', 'vite/bin/vite.js', ['build', '--logLevel', 'warn']);
    const { findBrowser, findFirefox } = await import('./browser.mjs');
    await findBrowser();
    findFirefox();
    suite('browser', ['--project', 'browser']);
  }
  rmSync(folder, { recursive: true, force: true });
  console.log(`\nThe slowest ${SLOWEST}, in seconds on the clock:`);
  for (const { name, ms } of times.toSorted((a, b) => b.ms - a.ms).slice(0, SLOWEST))
    console.log(`${(ms / 1000).toFixed(1).padStart(7)}  ${name}`);
  console.log(`\n${total.passed} passed, ${total.failed} failed`);
  if (total.failed > 0) process.exitCode = 1;
});
