import { expect, test } from 'vitest';
import { fitsLock, packagesOf } from '../../scripts/setup.mjs';

test('set-up leaves installed packages alone if they are the locked ones, and installs if any differs', () => {
  const locked = packagesOf('package-lock.json');
  // npm's record of what is installed has the lock's entries but that of the project itself.
  const { '': _project, ...installed } = locked;
  const { 'node_modules/react': react, ...others } = installed;
  if (react === undefined) throw new Error('the lock does not name react');
  expect(fitsLock(locked, installed)).toBe(true);
  expect(fitsLock(locked, {}), 'none').toBe(false);
  expect(fitsLock(locked, others), 'one is missing').toBe(false);
  expect(fitsLock(locked, { ...others, 'node_modules/react': { ...react, version: '1.0.0' } }), 'another version').toBe(false);
  expect(fitsLock(locked, { ...others, 'node_modules/react': { ...react, integrity: 'other bytes' } }), 'other bytes').toBe(false);
  expect(fitsLock(locked, { ...installed, 'node_modules/not-locked': {} }), 'one too many').toBe(false);
});

test('an optional package of another platform may be missing', () => {
  const locked = { '': {}, 'node_modules/for-macs': { version: '1.0.0', optional: true } };
  expect(fitsLock(locked, {})).toBe(true);
});
