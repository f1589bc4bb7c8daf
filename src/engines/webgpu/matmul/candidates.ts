import type { MatmulForm, MatmulTile } from './form.ts';
import type { DeviceTraits } from '../lower/lowering.ts';

/** A product to choose a kernel for. */
export interface MatmulProblem {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batch: number;
  readonly form: MatmulForm;
}

const registers = (rows: number, columns: number, threadsX: number, threadsY: number): MatmulTile => ({
  method: 'registers',
  rows,
  columns,
  threadsX,
  threadsY,
  depth: 0,
});
const quad = (rows: number, columns: number, threads: number, more: Pick<MatmulTile, 'steps'> = {}): MatmulTile => ({
  method: 'quad',
  rows,
  columns,
  threadsX: threads,
  threadsY: 1,
  depth: 0,
  ...more,
});
const workgroup = (rows: number, columns: number, threadsX: number, threadsY: number, depth: number): MatmulTile => ({
  method: 'workgroup',
  rows,
  columns,
  threadsX,
  threadsY,
  depth,
});

const SMALL_FLOPS = 1e6;

/** A product of fewer sums than this leaves most of a GPU idle, unless its steps along k are shared out. */
const FEW_SUMS = 2 ** 17;
const LONG = 2048;
const PARTS = 8;

/** Whether a product may be cut into so many parts along k: what follows a product would have to follow their sum. */
export function splits({ k, batch, form }: MatmulProblem, parts: number): boolean {
  const alone = !form.bias && !form.addend && !form.accumulate && form.activation === 'none';
  return alone && batch === 1 && k % (8 * parts) === 0;
}

/** Rounds of eight steps are no faster for shorter sums, and take longer to compile. */
const LONG_ROUNDS = 64;

/** As many invocations in a row of eight columns each as leave the fewest idle at the right edge. */
function quadThreads(n: number): number {
  const taken = (threads: number): number => Math.ceil(n / (8 * threads)) * threads;
  return [16, 8, 4].reduce((best, threads) => (taken(threads) < taken(best) ? threads : best));
}

/** Kernels worth measuring for a product, the likeliest first; last, where sums are few and long, one by parts along k. */
export function candidateTiles(problem: MatmulProblem, traits: DeviceTraits): readonly MatmulTile[] {
  const whole = wholeTiles(problem, traits);
  const { m, n, k } = problem;
  // A processor's few cores are busy with whole sums already.
  if (traits.software || m * n > FEW_SUMS || k < LONG || !splits(problem, PARTS)) return whole;
  const small = whole.find(({ method, rows }) => method === 'workgroup' && rows === 4);
  return small === undefined ? whole : [...whole, { ...small, split: PARTS }];
}

/** Kernels that sum along the whole of k. */
export function wholeTiles({ m, n, k, batch }: Omit<MatmulProblem, 'form'>, traits: DeviceTraits): readonly MatmulTile[] {
  const { quads, subgroupSize, software, invocations, workgroupBytes } = traits;
  // Small products: a small kernel, which is compiled in no time.
  if (m < 8 || n < 8 || 2 * m * n * k * batch < SMALL_FLOPS) return [registers(4, 4, 8, software ? 1 : 8)];
  const bytes = ({ rows, columns, threadsX, threadsY, depth }: MatmulTile): number => (rows * threadsY + columns * threadsX) * depth * 4;
  const fits = (tile: MatmulTile): boolean => tile.threadsX * tile.threadsY <= invocations && bytes(tile) <= workgroupBytes;
  // A processor has no use for workgroup memory: large register tiles win there, fed by quads. Where a subgroup is more than
  // one quad (Mesa's), exchanging is slow, and such a kernel compiles for minutes.
  const cheapQuads = quads && subgroupSize === 4;
  const all = software
    ? [
        ...(cheapQuads && m >= 24 ? [quad(32, 8, quadThreads(n))] : []),
        ...(cheapQuads && m >= 24 && k >= LONG_ROUNDS && k % 8 === 0 ? [quad(32, 8, quadThreads(n), { steps: 8 })] : []),
        ...(cheapQuads && m >= 12 ? [quad(16, 8, quadThreads(n))] : []),
        registers(8, 8, 4, 1),
        registers(4, 4, 8, 1),
      ]
    : [
        ...(m >= 128 && n >= 128 ? [workgroup(8, 8, 16, 16, 8), workgroup(8, 8, 16, 16, 16)] : []),
        ...(m >= 64 && n >= 64 ? [workgroup(8, 8, 8, 8, 16), workgroup(4, 4, 16, 16, 16)] : []),
        workgroup(4, 4, 8, 8, 16),
        registers(8, 8, 8, 8),
        registers(4, 4, 8, 8),
      ];
  return all.filter(fits);
}
