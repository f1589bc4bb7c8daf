// The forward pass of the toy family in float64, written from its names alone: it knows no blueprint.
import type { NamedTensors } from '../../src/tensor/tensor.ts';

type Rows = number[][];

export interface SlowAnswer {
  /** [B T][V]. */
  readonly logits: Rows;
  /** By layer, [B, A, T, T] row-major. */
  readonly attentions: number[][];
}

/** @param attention [B T], 1 for tokens, 0 for padding */
export function slowToy(
  tensors: NamedTensors,
  { blocks, eyes, tiny, tied }: { blocks: number; eyes: number; tiny: number; tied: boolean },
  ids: Int32Array,
  attention: Uint8Array,
  length: number,
): SlowAnswer {
  const numbers = (name: string): { rows: number; columns: number; data: Float32Array } => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new Error(`slow toy: no ${name}`);
    return { rows: tensor.shape[0] ?? 1, columns: tensor.shape[1] ?? 1, data: tensor.data };
  };
  const row = (name: string, at: number): number[] => {
    const { columns, data } = numbers(name);
    return Array.from(data.subarray(at * columns, (at + 1) * columns));
  };
  const affine = (x: Rows, grid: string, plus: string): Rows => {
    const { rows, columns, data } = numbers(grid);
    const add = numbers(plus).data;
    return x.map((from) =>
      Array.from({ length: rows }, (_, o) => {
        let sum = add[o] ?? 0;
        for (let i = 0; i < columns; i++) sum += (data[o * columns + i] ?? 0) * (from[i] ?? 0);
        return sum;
      }),
    );
  };
  const part = (x: Rows, name: string): Rows => affine(x, `${name}.grid`, `${name}.plus`);
  const normal = (x: Rows, name: string): Rows => {
    const [gain, move] = [numbers(`${name}.gain`).data, numbers(`${name}.move`).data];
    return x.map((from) => {
      const mean = from.reduce((a, b) => a + b, 0) / from.length;
      const variance = from.reduce((a, b) => a + (b - mean) ** 2, 0) / from.length;
      return from.map((v, i) => ((v - mean) / Math.sqrt(variance + tiny)) * (gain[i] ?? 0) + (move[i] ?? 0));
    });
  };
  const plus = (a: Rows, b: Rows): Rows => a.map((r, i) => r.map((v, j) => v + (b[i]?.[j] ?? 0)));
  const relu = (x: Rows): Rows => x.map((r) => r.map((v) => Math.max(0, v)));

  let x: Rows = Array.from(ids, (id, at) => row('lexicon.rows', id).map((v, j) => v + (row('seats.rows', 2 + (at % length))[j] ?? 0)));
  const attentions: number[][] = [];
  for (let block = 0; block < blocks; block++) {
    const [q, k, v] = (['ask', 'match', 'carry'] as const).map((name) => part(x, `b${block}.${name}`));
    if (q === undefined || k === undefined || v === undefined) throw new Error('slow toy');
    const size = (q[0]?.length ?? 0) / eyes;
    const seen: Rows = x.map(() => Array.from({ length: size * eyes }, () => 0));
    const maps: number[] = [];
    for (let b = 0; b < ids.length / length; b++)
      for (let eye = 0; eye < eyes; eye++)
        for (let from = 0; from < length; from++) {
          const scores = Array.from({ length }, (_, to) => {
            if (attention[b * length + to] === 0) return -Infinity;
            let dot = 0;
            for (let i = eye * size; i < (eye + 1) * size; i++) dot += (q[b * length + from]?.[i] ?? 0) * (k[b * length + to]?.[i] ?? 0);
            return dot / Math.sqrt(size);
          });
          const most = Math.max(...scores);
          const exps = scores.map((s) => Math.exp(s - most));
          const total = exps.reduce((a, e) => a + e, 0);
          exps.forEach((e, to) => {
            maps.push(e / total);
            const target = seen[b * length + from];
            for (let i = eye * size; i < (eye + 1) * size; i++)
              if (target !== undefined) target[i] = (target[i] ?? 0) + (e / total) * (v[b * length + to]?.[i] ?? 0);
          });
        }
    attentions.push(maps);
    const after = normal(plus(part(seen, `b${block}.collect`), x), `b${block}.settle`);
    x = normal(plus(part(relu(part(after, `b${block}.widen`)), `b${block}.narrow`), after), `b${block}.close`);
  }
  const mixed = relu(part(x, 'guess.mix'));
  return { logits: affine(mixed, tied ? 'lexicon.rows' : 'guess.pick.grid', 'guess.pick.plus'), attentions };
}
