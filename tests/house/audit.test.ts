import { expect, test } from 'vitest';
import { auditVerdict } from '../../scripts/audit.mjs';

const report = (...found: object[]): string =>
  JSON.stringify({ auditReportVersion: 2, vulnerabilities: Object.fromEntries(found.map((each, i) => [`p${i}`, each])) });

test('the audit fails on what is serious alone, and never for want of a network', () => {
  expect(auditVerdict(report()).verdict).toBe('clean');
  const mild = { name: 'mild', severity: 'moderate', range: '<2.0.0' };
  expect(auditVerdict(report(mild))).toEqual({ verdict: 'clean', lines: ['audit: mild <2.0.0 — moderate. Update it, or leave it out.'] });
  expect(auditVerdict(report(mild, { name: 'bad', severity: 'critical', range: '*' })).verdict).toBe('serious');
  expect(auditVerdict('{"message":"getaddrinfo ENOTFOUND","error":{}}')).toEqual({
    verdict: 'unknown',
    lines: ['audit: skipped, the package registry gave no report (getaddrinfo ENOTFOUND).'],
  });
  expect(auditVerdict('').verdict).toBe('unknown');
});
