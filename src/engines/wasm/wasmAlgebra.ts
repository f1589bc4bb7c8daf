import type { LentAlgebra } from '../../tensor/algebra.ts';
import { EXHAUSTED, type SelectionSite } from '../../tensor/columnSelection.ts';
import { matrix, notPositive, type Matrix } from '../../tensor/matrix.ts';
import type { Kernels } from './kernelModule.ts';
import { opcodeOf, type DenseInstruction } from './opcodes.ts';

/** Where an engine's team works, and memory that it lends. */
export interface Workplace {
  readonly memory: WebAssembly.Memory;
  readonly kernels: Kernels;
  readonly threads: number;
  /** The address of so many bytes. @throws OutOfMemoryError */
  take(bytes: number): number;
  give(start: number, bytes: number): void;
}

type Instruction = readonly [DenseInstruction, ...number[]];

const DOUBLE = 8;
/** Columns of a panel of the selection's kernel. */
const LANES = 8;

/** Algebra on the CPU engine's team of threads (kernels/dense.ts). Matrices are copied into its memory and back. */
export class WasmAlgebra implements LentAlgebra {
  readonly #place: Workplace;

  readonly #release: () => void;

  /** @param release what ends with it */
  constructor(place: Workplace, release: () => void = () => {}) {
    this.#place = place;
    this.#release = release;
  }

  multiply(a: Matrix, b: Matrix): Matrix {
    return this.#within([a.data.length, b.data.length, a.rows * b.columns], (bench, [left = 0, right = 0, out = 0]) => {
      bench.put(left, a.data);
      bench.put(right, b.data);
      bench.run([['multiply64', left, right, out, a.rows, a.columns, b.columns]]);
      return bench.matrixAt(out, a.rows, b.columns);
    });
  }

  gram(a: Matrix): Matrix {
    return this.#within([a.data.length, a.columns ** 2], (bench, [given = 0, out = 0]) => {
      bench.put(given, a.data);
      bench.run([['gram64', given, out, a.rows, a.columns]]);
      return bench.matrixAt(out, a.columns, a.columns);
    });
  }

  cholesky(a: Matrix): Matrix {
    return this.#within([a.data.length, 2], (bench, [s = 0, status = 0]) => {
      bench.factor(a, s, status);
      return bench.matrixAt(s, a.rows, a.rows);
    });
  }

  solvePositive(a: Matrix, b: Matrix): Matrix {
    return this.#within([a.data.length, b.data.length, 2], (bench, [s = 0, x = 0, status = 0]) => {
      bench.factor(a, s, status);
      bench.put(x, b.data);
      bench.run([
        ['solve64', s, x, a.rows, b.columns, 0],
        ['solve64', s, x, a.rows, b.columns, 1],
      ]);
      return bench.matrixAt(x, b.rows, b.columns);
    });
  }

  selectColumns(sites: readonly SelectionSite[], count: number): number[] {
    const d = sites[0]?.C.rows ?? 0;
    const wide = Math.ceil(d / LANES) * LANES;
    const covariances = [...new Set(sites.map(({ C }) => C))];
    const slots = 2 * this.#place.threads * (2 + covariances.length + sites.length);
    const lists = (5 * (covariances.length + sites.length)) / 2 + 1;
    const perCovariance = [wide * d, wide * count, wide, wide];
    const perSite = [wide * d, wide * count, wide, 1];
    const sizes = [
      count,
      slots,
      Math.ceil(wide / DOUBLE),
      Math.ceil(lists),
      ...covariances.flatMap(() => perCovariance),
      ...sites.flatMap(() => perSite),
    ];
    return this.#within(sizes, (bench, [picks = 0, scratch = 0, taken = 0, table = 0, ...rest]) => {
      const words: number[] = [];
      covariances.forEach((C, index) => {
        const [all = 0, rows = 0, diagonal = 0, floor = 0] = rest.slice(4 * index);
        const start = diagonalOf(C, wide);
        bench.putRows(all, C, wide);
        bench.put(diagonal, start);
        bench.put(
          floor,
          start.map((x) => EXHAUSTED * x),
        );
        words.push(all, rows, diagonal, floor, 0);
      });
      sites.forEach(({ C, G, energy }, index) => {
        const [all = 0, h = 0, norms = 0, total = 0] = rest.slice(4 * (covariances.length + index));
        bench.putRows(all, G, wide);
        bench.put(norms, diagonalOf(G, wide));
        bench.put(total, Float64Array.of(energy));
        words.push(covariances.indexOf(C), all, h, norms, total);
      });
      bench.put(taken, new Float64Array(Math.ceil(wide / DOUBLE)));
      bench.putWords(table, words);
      const ofSites = table + covariances.length * 20;
      bench.run([['selectColumns', picks, count, d, scratch, taken, table, covariances.length, ofSites, sites.length]]);
      return [...bench.matrixAt(picks, 1, count).data];
    });
  }

  dispose(): void {
    this.#release();
  }

  /** Lends memory for arrays of so many doubles. */
  #within<T>(sizes: readonly number[], work: (bench: Bench, addresses: readonly number[]) => T): T {
    const bytes = sizes.map((size) => Math.ceil((size * DOUBLE) / 64) * 64);
    const total = bytes.reduce((sum, size) => sum + size, Bench.PROGRAM_BYTES);
    const start = this.#place.take(total);
    try {
      let at = start + Bench.PROGRAM_BYTES;
      const addresses = bytes.map((size) => (at += size) - size);
      return work(new Bench(this.#place, start), addresses);
    } finally {
      this.#place.give(start, total);
    }
  }
}

/** A stretch of the engine's memory, with a short program at its start. */
class Bench {
  static readonly PROGRAM_BYTES = 256;
  readonly #place: Workplace;
  readonly #program: number;

  constructor(place: Workplace, program: number) {
    this.#place = place;
    this.#program = program;
  }

  #doubles(at: number, length: number): Float64Array {
    return new Float64Array(this.#place.memory.buffer, at, length);
  }

  put(at: number, data: Float64Array): void {
    this.#doubles(at, data.length).set(data);
  }

  /** Rows that are `wide` numbers apart, with zeros between. */
  putRows(at: number, a: Matrix, wide: number): void {
    if (wide === a.columns) {
      this.put(at, a.data);
      return;
    }
    const target = this.#doubles(at, a.rows * wide).fill(0);
    for (let row = 0; row < a.rows; row++) target.set(a.data.subarray(row * a.columns, (row + 1) * a.columns), row * wide);
  }

  putWords(at: number, words: readonly number[]): void {
    new Uint32Array(this.#place.memory.buffer, at, words.length).set(words);
  }

  matrixAt(at: number, rows: number, columns: number): Matrix {
    return matrix(rows, columns, this.#doubles(at, rows * columns));
  }

  run(instructions: readonly Instruction[]): void {
    const words = instructions.flatMap(([name, ...operands]) => [opcodeOf(name), operands.length + 2, ...operands]);
    this.putWords(this.#program, words);
    this.#place.kernels.run(this.#program, this.#program + 4 * words.length);
  }

  /** The lower factor of a, at `s`. */
  factor(a: Matrix, s: number, status: number): void {
    this.put(s, a.data);
    this.put(status, new Float64Array(2));
    this.run([['cholesky64', s, a.rows, status]]);
    const [failed = 0, value = 0] = this.#doubles(status, 2);
    if (failed > 0) throw notPositive(failed - 1, a.rows, value);
  }
}

function diagonalOf(a: Matrix, wide: number): Float64Array {
  return Float64Array.from({ length: wide }, (_, j) => (j < a.columns ? (a.data[j * a.columns + j] ?? 0) : 0));
}
