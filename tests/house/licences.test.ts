import { expect, test } from 'vitest';
import { productionLicences } from '../../scripts/licences.mjs';

test('every package that ships has a licence that is known', () => {
  const packages = productionLicences();
  expect(packages.map(({ name }) => name)).toEqual(expect.arrayContaining(['react', 'fflate', 'onnxruntime-web']));
  expect(packages.filter(({ known }) => !known)).toEqual([]);
});
