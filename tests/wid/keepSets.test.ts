import { expect, test } from 'vitest';
import { plainAlgebra } from '../../src/tensor/algebra.ts';
import { selectColumns } from '../../src/tensor/columnSelection.ts';
import { Random } from '../../src/tensor/random.ts';
import { matrix, multiply, transposed, type Matrix } from '../../src/tensor/matrix.ts';
import { selectionSite } from '../../src/wid/keepSets.ts';

const SIZE = 6;

function moments(seed: number): Matrix {
  const random = new Random(seed);
  const x = matrix(
    40,
    SIZE,
    Float64Array.from({ length: 40 * SIZE }, (_, at) => (1 + (at % SIZE)) * random.normal()),
  );
  return multiply(transposed(x), x);
}

// As in a layer that was added to a teacher and writes nothing yet, or one that was pruned away.
test('a read that nothing looks at has no say in what is kept', () => {
  const C = moments(1);
  const seen = selectionSite(plainAlgebra, C, null);
  const unseen = selectionSite(plainAlgebra, moments(2), matrix(SIZE, SIZE));
  expect(unseen.energy).toBe(0);
  expect(selectColumns([seen, unseen], 3)).toEqual(selectColumns([seen], 3));
  expect(selectColumns([unseen, seen], 3)).toEqual(selectColumns([seen], 3));
  // Not the lowest indices by chance.
  expect(selectColumns([seen], 3)).not.toEqual([0, 1, 2]);
});
