import type { Engine, Program } from '../engines/engine.ts';
import { Graph } from '../graph/graph.ts';
import { matmul } from '../graph/ops/matmul.ts';
import { gatherRows } from '../graph/ops/rows.ts';
import { transpose } from '../graph/ops/view.ts';
import { plan } from '../graph/plan.ts';
import type { Algebra } from '../tensor/algebra.ts';
import { matrix, ridged, transposed, type Matrix } from '../tensor/matrix.ts';
import { RIDGE } from './calibrate.ts';
import { addInto } from './moments.ts';

/** C_ts [d, d'] and C_ss [d', d'], summed over tokens in float64. */
export interface CrossMoments {
  readonly ts: Matrix;
  readonly ss: Matrix;
}

/** L = C_ts (C_ss + eps I)^-1, [d, d'] (docs/method.md section 4, sequential). */
export function crossLeastSquares(algebra: Algebra, { ts, ss }: CrossMoments): Matrix {
  return transposed(algebra.solvePositive(ridged(ss, RIDGE), transposed(ts)));
}

/** Products of one batch on the engine, sums over batches in float64. */
export class CrossProbe {
  readonly #program: Program;
  readonly #theirs: number;
  readonly #ours: number;

  private constructor(program: Program, theirs: number, ours: number) {
    this.#program = program;
    this.#theirs = theirs;
    this.#ours = ours;
  }

  static async create(engine: Engine, theirs: number, ours: number, tokens: number): Promise<CrossProbe> {
    const graph = new Graph();
    const real = graph.input('real', [tokens], 'i32');
    const xt = gatherRows(graph, graph.input('teacher', [tokens, theirs]), real);
    const xs = gatherRows(graph, graph.input('student', [tokens, ours]), real);
    graph.output('ts', matmul(graph, transpose(graph, xt), xs));
    graph.output('ss', matmul(graph, transpose(graph, xs), xs));
    return new CrossProbe(await engine.compile(plan(graph, engine.planOptions)), theirs, ours);
  }

  empty(): CrossMoments {
    return { ts: matrix(this.#theirs, this.#ours), ss: matrix(this.#ours, this.#ours) };
  }

  async add(moments: CrossMoments, teacher: Float32Array, student: Float32Array, attention: Uint8Array): Promise<void> {
    this.#program.write('teacher', teacher);
    this.#program.write('student', student);
    this.#program.write(
      'real',
      Int32Array.from(attention, (x, i) => (x === 0 ? -1 : i)),
    );
    await this.#program.run();
    for (const name of ['ts', 'ss'] as const) {
      const { data } = moments[name];
      addInto(data, await this.#program.read(name));
    }
  }

  dispose(): void {
    this.#program.dispose();
  }
}
