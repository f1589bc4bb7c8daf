import { expect, test } from 'vitest';
import { METHODS } from '../../src/studio/methods/registry.ts';
import { MODE_TRAITS, MODES } from '../../src/studio/settings/modes.ts';

test('every method has a row in the table, and every row a method', () => {
  expect(METHODS.map(({ name }) => name)).toEqual(MODES);
  // Only what is merged from compactors can have a decoder with a compactor of its own.
  for (const method of METHODS) if (MODE_TRAITS[method.name]?.ownDecoder === true) expect('merged' in method, method.name).toBe(true);
});
