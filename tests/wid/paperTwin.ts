import type { Tensor } from '../../src/tensor/tensor.ts';

/**
 * Section 6 of docs/method.md, written out slowly and without the code under test: masks, penalty, moments, update.
 * Compactors are square matrices; head compactors are blocks [A, a, a].
 */
export interface TwinSizes {
  readonly d: number;
  readonly f: number;
  readonly heads: number;
  readonly a: number;
  readonly layers: number;
  readonly student: { readonly d: number; readonly f: number; readonly heads: number; readonly a: number };
}

export type Masked = ReadonlyMap<string, ReadonlySet<number>>;

/** L2 norm of the columns of a matrix, or of every block's columns one after the other. */
export function columnNorms({ shape, data }: Tensor): number[] {
  const rows = shape.at(-2) ?? 1;
  const columns = shape.at(-1) ?? 1;
  const norms: number[] = [];
  for (let block = 0; block < data.length; block += rows * columns)
    for (let j = 0; j < columns; j++) {
      let sum = 0;
      for (let i = 0; i < rows; i++) sum += (data[block + i * columns + j] ?? 0) ** 2;
      norms.push(Math.sqrt(sum));
    }
  return norms;
}

/** The `count` smallest; of equal norms the higher index goes. */
function smallest(norms: readonly number[], count: number): Set<number> {
  const gone = new Set<number>();
  while (gone.size < count) {
    let worst = -1;
    norms.forEach((norm, i) => {
      if (!gone.has(i) && (worst < 0 || norm <= (norms[worst] ?? 0))) worst = i;
    });
    gone.add(worst);
  }
  return gone;
}

/** Masked dimensions by space after the event of this number. */
export function twinMasks(sizes: TwinSizes, compactor: (name: string) => Tensor, event: number): Map<string, Set<number>> {
  const { d, f, heads, a, student } = sizes;
  const share = (target: number, events: number): number => Math.min(target, Math.floor((event / events) * target + 1e-9));
  const masks = new Map<string, Set<number>>([
    ['residual', smallest(columnNorms(compactor('layer.0.value.L')), share(d - student.d, 16))],
    ['mlm', smallest(columnNorms(compactor('decoder.L')), share(d - student.d, 16))],
  ]);
  const headsGone = Math.min(heads - student.heads, Math.floor(event / 2));
  for (let layer = 0; layer < sizes.layers; layer++) {
    masks.set(`inner.${layer}`, smallest(columnNorms(compactor(`layer.${layer}.output.L`)), share(f - student.f, 16)));
    const norms = columnNorms(compactor(`layer.${layer}.attention.output.L`));
    const scores = Array.from({ length: heads }, (_, h) => norms.slice(h * a, (h + 1) * a).reduce((sum, x) => sum + x, 0));
    const gone = smallest(scores, headsGone);
    const masked = new Set<number>();
    for (let h = 0; h < heads; h++) {
      const inHead = gone.has(h)
        ? new Set(Array.from({ length: a }, (_, i) => i))
        : smallest(norms.slice(h * a, (h + 1) * a), share(a - student.a, 8));
      for (const i of inHead) masked.add(h * a + i);
    }
    masks.set(`attention.${layer}`, masked);
  }
  return masks;
}

/** Space and side of a trained tensor, or nothing for the teacher's matrices and the decoder's bias. */
export function twinSide(name: string, layerMap: readonly number[]): { space: string; side: 'row' | 'column' } | undefined {
  const number = Number(/layer\.(\d+)\./.exec(name)?.[1]);
  // The teacher's own biases carry the teacher's layer numbers.
  const layer = name.startsWith('teacher.') ? layerMap.indexOf(number) : number;
  const inside = (at: string): string => (at === 'attention' || at === 'inner' ? `${at}.${layer}` : at);
  const found = ((): [string, 'row' | 'column'] | undefined => {
    if (name === 'embeddings') return ['residual', 'column'];
    if (name === 'decoder.L') return ['mlm', 'column'];
    if (name.startsWith('transform')) return name.endsWith('L') ? ['residual', 'column'] : ['mlm', 'row'];
    if (/^layer\.\d+\.(query|key|value)\.R$/.test(name)) return ['attention', 'row'];
    if (/^layer\.\d+\.(query|key|value|intermediate)\.L$/.test(name)) return ['residual', 'column'];
    if (/^layer\.\d+\.attention\.output\.L$/.test(name)) return ['attention', 'column'];
    if (/^layer\.\d+\.output\.L$/.test(name)) return ['inner', 'column'];
    if (/^layer\.\d+\.intermediate\.R$/.test(name)) return ['inner', 'row'];
    if (/^layer\.\d+\.(attention\.output|output)\.R$/.test(name)) return ['residual', 'row'];
    if (name.includes('LayerNorm')) return [name.startsWith('cls') ? 'mlm' : 'residual', 'row'];
    if (!name.endsWith('dense.bias') && !/self\.(query|key|value)\.bias$/.test(name)) return undefined;
    if (name.includes('.self.')) return ['attention', 'row'];
    if (name.includes('cls')) return ['mlm', 'row'];
    return [name.includes('intermediate') ? 'inner' : 'residual', 'row'];
  })();
  return found === undefined ? undefined : { space: inside(found[0]), side: found[1] };
}

export const isCompactor = (name: string): boolean => /\.(R|L)$|^embeddings$/.test(name);

export interface TwinState {
  readonly value: Float64Array;
  readonly first: Float64Array;
  readonly second: Float64Array;
}

/** One update of one tensor, element by element. `masked` is undefined before the first event. */
export function twinUpdate(
  name: string,
  shape: readonly number[],
  { value, first, second }: TwinState,
  task: Float64Array,
  masked: Masked | undefined,
  layerMap: readonly number[],
  rates: { readonly compactor: number; readonly weight: number; readonly lambda: number; readonly decay: number },
): void {
  const rows = shape.length === 1 ? (shape[0] ?? 1) : (shape.at(-2) ?? 1);
  const columns = shape.length === 1 ? 1 : (shape.at(-1) ?? 1);
  const compactor = isCompactor(name);
  const place = twinSide(name, layerMap);
  const lr = compactor ? rates.compactor : rates.weight;
  const decays = compactor || !(name.endsWith('bias') || name.includes('LayerNorm'));
  for (let at = 0; at < value.length; at++) {
    const block = Math.floor(at / (rows * columns));
    const row = Math.floor((at % (rows * columns)) / columns);
    const dimension = block * (place?.side === 'column' ? columns : rows) + (place?.side === 'column' ? at % columns : row);
    const p = value[at] ?? 0;
    let gradient = task[at] ?? 0;
    let m = first[at] ?? 0;
    if (place !== undefined) {
      if (masked === undefined) {
        if (compactor) gradient += p;
      } else {
        const out = masked.get(place.space)?.has(dimension) === true;
        if (out) gradient = Math.min(rates.lambda, 1) * p;
        if (rates.lambda > 1) m = 0.9 * m + 0.1 * (out ? (rates.lambda - 1) * p : 0);
      }
    }
    m = 0.9 * m + 0.1 * gradient;
    const v = 0.999 * (second[at] ?? 0) + 0.001 * gradient * gradient;
    first[at] = m;
    second[at] = v;
    value[at] = p - lr * (m / (Math.sqrt(v) + 1e-6)) - (decays ? lr * rates.decay * p : 0);
  }
}
