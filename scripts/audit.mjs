// `npm run audit`: known vulnerabilities of the packages that ship, as the package registry tells them. Fails on a high or
// critical one; where the registry cannot be asked, says so and fails nothing.
import { spawnSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { main, ROOT } from './setup.mjs';

const SERIOUS = new Set(['high', 'critical']);

/**
 * What a report of `npm audit --json` says.
 * @param {string} output
 * @returns {{ verdict: 'clean' | 'serious' | 'unknown', lines: string[] }} `unknown`: the registry gave no report
 */
export function auditVerdict(output) {
  let report;
  try {
    report = JSON.parse(output);
  } catch {
    report = undefined;
  }
  if (typeof report?.vulnerabilities !== 'object' || report.vulnerabilities === null)
    return { verdict: 'unknown', lines: [`audit: skipped, the package registry gave no report (${report?.message ?? 'no answer'}).`] };
  const found = Object.values(report.vulnerabilities);
  if (found.length === 0) return { verdict: 'clean', lines: ['audit: no known vulnerability in the packages that ship.'] };
  const lines = found.map(({ name, severity, range }) => `audit: ${name} ${range} — ${severity}. Update it, or leave it out.`);
  return { verdict: found.some(({ severity }) => SERIOUS.has(severity)) ? 'serious' : 'clean', lines };
}

/** @returns {'clean' | 'serious' | 'unknown'} */
export function audit() {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const { stdout } = spawnSync(npm, ['audit', '--omit=dev', '--json'], {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: 60_000,
    shell: process.platform === 'win32',
  });
  const { verdict, lines } = auditVerdict(stdout ?? '');
  for (const line of lines) console.log(line);
  return verdict;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  await main(async () => {
    if (audit() === 'serious') process.exitCode = 1;
  });
