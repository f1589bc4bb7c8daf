import type { Activation } from '../../graph/operation.ts';
import { KERNELS } from './built/kernels.ts';
import type { Shader } from './shader.ts';

/**
 * How an operand is loaded: `depth` four at a time along k, `side` four at a time along m (A) or n (B), `single` one by
 * one at any strides. The vectors need strides and starts that are whole vectors.
 */
export type Load = 'depth' | 'side' | 'single';

/** Where the values of A and B come from while a tile is summed. */
export type Method =
  /** Each invocation loads its own. */
  | 'registers'
  /** The lanes of a quad share their rows: each loads a quarter of A, and they exchange it. */
  | 'quad'
  /** The workgroup loads both into its memory, a slab of `depth` at a time. */
  | 'workgroup';

/** A kernel's shape. */
export interface MatmulTile {
  readonly method: Method;
  /** Sums of one invocation; columns are a multiple of 4. */
  readonly rows: number;
  readonly columns: number;
  readonly threadsX: number;
  readonly threadsY: number;
  /** Steps of k that one load of workgroup memory holds; `workgroup` only. */
  readonly depth: number;
  /** Steps of k that a round of a quad's loop takes, where k is a multiple of it; four where it is not named. */
  readonly steps?: 4 | 8;
  /** Parts along k that are summed side by side and added up afterwards, for products with few sums; one where it is not named. */
  readonly split?: number;
}

/** What a kernel must fit: layouts, and what follows the product. */
export interface MatmulForm {
  readonly a: Load;
  readonly b: Load;
  /** Whether an operand is stored in half precision; it is widened as it is loaded, and all arithmetic is float32. */
  readonly halfA: boolean;
  readonly halfB: boolean;
  /** Whether rows of C are whole vectors of four. */
  readonly vectorC: boolean;
  /** Steps of k that loops may take at once: k is a multiple of it. */
  readonly stride: 1 | 4 | 8;
  readonly bias: boolean;
  readonly addend: boolean;
  /** Adds to what C holds. */
  readonly accumulate: boolean;
  readonly activation: Activation;
}

const XYZW = ['x', 'y', 'z', 'w'] as const;
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Writes out a matmul kernel; see kernels/matmul.wgsl for the frame. */
export function matmulShader(tile: MatmulTile, form: MatmulForm, activationNumber: number): Shader {
  const { method, rows, columns, threadsX, threadsY } = tile;
  const one = oneByOne(method, form);
  const product = method === 'workgroup' ? workgroupProduct(tile, form) : registerProduct(tile, form);
  const parts: Readonly<Record<string, string>> = {
    aType: storedType(form.halfA, one.a),
    bType: storedType(form.halfB, one.b),
    cType: form.vectorC ? 'vec4f' : 'f32',
    workgroupMemory: method === 'workgroup' ? workgroupMemory(tile) : '',
    builtins: method === 'quad' ? '\n  @builtin(subgroup_invocation_id) lane: u32,' : '',
    addendBase: form.addend ? '  let addendBase = sizes.addendStart + batch0 * sizes.cBatch0 + batch1 * sizes.cBatch1;\n' : '',
    sums: sums(tile),
    product,
    stores: stores(tile, form),
  };
  const frame = KERNELS.matmul.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => parts[name] ?? '');
  const constants = { ROWS: rows, COLUMNS: columns, THREADS_X: threadsX, THREADS_Y: threadsY, GROUP: threadsX * threadsY };
  const lines = Object.entries({ ...constants, ACTIVATION: activationNumber }).map(([name, value]) => `const ${name} = ${value}u;`);
  const activation = form.activation === 'none' ? '' : `${KERNELS.item4}\n${KERNELS.activation}`;
  const features = [...(form.halfA || form.halfB ? ['enable f16;'] : []), ...(method === 'quad' ? ['enable subgroups;'] : [])];
  return { name: `matmul ${method} ${rows}x${columns}`, code: [...features, ...lines, activation, frame].join('\n'), entry: 'matmul' };
}

function storedType(half: boolean, oneByOne: boolean): string {
  if (half) return oneByOne ? 'f16' : 'vec4<f16>';
  return oneByOne ? 'f32' : 'vec4f';
}

/** How A and B are read: what is stored in half precision is widened at once. */
function loads({ method }: MatmulTile, form: MatmulForm): { readonly a: (place: string) => string; readonly b: (place: string) => string } {
  const reader = (name: 'a' | 'b', half: boolean, oneByOne: boolean) => (place: string) =>
    half ? `${oneByOne ? 'f32' : 'vec4f'}(${name}[${place}])` : `${name}[${place}]`;
  const one = oneByOne(method, form);
  return { a: reader('a', form.halfA, one.a), b: reader('b', form.halfB, one.b) };
}

function oneByOne(method: Method, form: MatmulForm): { readonly a: boolean; readonly b: boolean } {
  return { a: form.a === 'single' || (method === 'quad' && form.a === 'depth'), b: form.b === 'single' };
}

function sums({ rows, columns }: MatmulTile): string {
  return range(rows)
    .map(
      (i) =>
        `  ${range(columns / 4)
          .map((g) => `var sum${i}_${g} = vec4f(0.0);`)
          .join(' ')}`,
    )
    .join('\n');
}

function accumulate({ rows, columns }: MatmulTile, x: (row: number) => string): string {
  return range(rows)
    .map(
      (i) =>
        `{ let x = ${x(i)}; ${range(columns / 4)
          .map((g) => `sum${i}_${g} = fma(vec4f(x), y${g}, sum${i}_${g});`)
          .join(' ')} }`,
    )
    .join('\n      ');
}

/** Sums straight from storage: A in registers, exchanged in a quad or not. */
function registerProduct(tile: MatmulTile, form: MatmulForm): string {
  const { method, rows, columns } = tile;
  const quad = method === 'quad';
  const load = loads(tile, form);
  const groups = columns / 4;
  const bySide = form.a === 'side';
  const vectorRows = quad ? 16 : 4;
  const rowPlaces = bySide
    ? range(rows / vectorRows).map((g) => {
        const first = quad ? `row + ${g * 16}u + quadLane * 4u` : `row + ${g * 4}u`;
        return `  let a${g} = (aBase + min(${first}, sizes.m - 4u)) / 4u;`;
      })
    : range(rows).map((i) => `  let a${i} = aBase + min(row + ${i}u, sizes.m - 1u) * sizes.aRow;`);
  const columnPlaces =
    form.b === 'side'
      ? range(groups).map((g) => `  let b${g} = (bBase + min(column + ${4 * g}u, sizes.n - 4u)) / 4u;`)
      : range(columns).map((j) => `  let b${j} = bBase + min(column + ${j}u, sizes.n - 1u) * sizes.bColumn;`);

  // What is loaded along k is named by its row or column and by its vector of four steps.
  const loadB = (k: string, step: number): string[] => {
    if (form.b === 'side') return range(groups).map((g) => `let y${g} = ${load.b(`b${g} + (${k}) * bStep`)};`);
    const one = (j: number): string =>
      form.b === 'depth' ? `z${j}_${Math.floor(step / 4)}.${XYZW[step % 4] ?? 'x'}` : load.b(`b${j} + (${k}) * sizes.bRow`);
    return range(groups).map(
      (g) =>
        `let y${g} = vec4f(${range(4)
          .map((t) => one(4 * g + t))
          .join(', ')});`,
    );
  };
  const aheadB = (four: number): string[] =>
    form.b === 'depth' ? range(columns).map((j) => `let z${j}_${four} = ${load.b(`(b${j} + k + ${4 * four}u) / 4u`)};`) : [];
  const aheadA = (four: number): string[] => {
    if (bySide || (!quad && form.a !== 'depth')) return [];
    return range(rows).map((i) =>
      quad
        ? `let v${i}_${four} = ${load.a(`a${i} + (k + ${4 * four}u + quadLane) * sizes.aColumn`)};`
        : `let v${i}_${four} = ${load.a(`(a${i} + k + ${4 * four}u) / 4u`)};`,
    );
  };
  const sideA = (k: string): string[] =>
    bySide ? range(rows / vectorRows).map((g) => `let v${g} = ${load.a(`a${g} + (${k}) * aStep`)};`) : [];
  const x =
    (step: number, k: string) =>
    (i: number): string => {
      if (bySide && quad) return `quadBroadcast(v${Math.floor(i / 16)}.${XYZW[i % 4] ?? 'x'}, ${Math.floor(i / 4) % 4}u)`;
      if (bySide) return `v${Math.floor(i / 4)}.${XYZW[i % 4] ?? 'x'}`;
      const four = `v${i}_${Math.floor(step / 4)}`;
      if (quad) return `quadBroadcast(${four}, ${step % 4}u)`;
      return form.a === 'depth' ? `${four}.${XYZW[step % 4] ?? 'x'}` : load.a(`a${i} + (${k}) * sizes.aColumn`);
    };
  const step = (number: number, k: string): string => `{
      ${[...sideA(k), ...loadB(k, number)].join(' ')}
      ${accumulate(tile, x(number, k))}
    }`;
  const single = `{
      ${[...sideA('k'), ...loadB('k', 0)].join(' ')}
      ${accumulate(tile, bySide ? x(0, 'k') : (i) => load.a(`a${i} + k * sizes.aColumn`))}
    }`;
  // Sums are carried from round to round, which costs as much as a few products where registers are short; a longer round
  // needs more of them at once. Only quads have loads to spread over eight steps.
  const steps = quad && form.stride === 8 ? (tile.steps ?? 4) : 4;
  const ahead = range(steps / 4).flatMap((four) => [aheadA(four), aheadB(four)].flat());
  const round = [...ahead, ...range(steps).map((number) => step(number, `k + ${number}u`))];
  return [
    ...(quad ? ['  let quadLane = lane & 3u;'] : []),
    ...rowPlaces,
    ...columnPlaces,
    '  let aStep = sizes.aColumn / 4u;',
    '  let bStep = sizes.bRow / 4u;',
    '  var k = 0u;',
    `  for (; k + ${steps}u <= sizes.k; k += ${steps}u) {\n    ${round.join('\n    ')}\n  }`,
    ...(form.stride === 1 ? [`  for (; k < sizes.k; k++) ${single}`] : []),
  ].join('\n');
}

function workgroupMemory({ rows, columns, threadsX, threadsY, depth }: MatmulTile): string {
  return `var<workgroup> aTile: array<vec4f, ${(rows * threadsY * depth) / 4}>;
var<workgroup> bTile: array<vec4f, ${(columns * threadsX * depth) / 4}>;`;
}

/**
 * Sums from workgroup memory. Tiles lie [depth][side], so that invocations read vectors along the side; what is beyond an
 * edge is loaded as zero.
 */
function workgroupProduct(tile: MatmulTile, form: MatmulForm): string {
  const { rows, columns, threadsX, threadsY, depth } = tile;
  const reads = loads(tile, form);
  const threads = threadsX * threadsY;
  const fill = (name: 'a' | 'b', load: Load, side: number): string => {
    const first = name === 'a' ? `group.y * ${side}u` : `group.x * ${side}u`;
    const bound = name === 'a' ? 'sizes.m' : 'sizes.n';
    const sideStride = name === 'a' ? 'sizes.aRow' : 'sizes.bColumn';
    const depthStride = name === 'a' ? 'sizes.aColumn' : 'sizes.bRow';
    const vectors = (side * depth) / 4;
    const fetch = reads[name];
    const body =
      load === 'side'
        ? `let place = ${first} + (e % ${side / 4}u) * 4u; let step = k + e / ${side / 4}u;
        ${name}Tile[e] = select(vec4f(0.0), ${fetch(`(${name}Base + min(step, sizes.k - 1u) * ${depthStride} + min(place, ${bound} - 4u)) / 4u`)}, place < ${bound} && step < sizes.k);`
        : load === 'depth'
          ? `let place = ${first} + e / ${depth / 4}u; let step = k + (e % ${depth / 4}u) * 4u;
        let loaded = select(vec4f(0.0), ${fetch(`(${name}Base + min(place, ${bound} - 1u) * ${sideStride} + min(step, sizes.k - 4u)) / 4u`)}, place < ${bound} && step < sizes.k);
        let at = (e % ${depth / 4}u) * ${side}u + (e / ${depth / 4}u) / 4u; let part = (e / ${depth / 4}u) & 3u;
        ${range(4)
          .map((s) => `${name}Tile[at + ${(s * side) / 4}u][part] = loaded.${XYZW[s] ?? 'x'};`)
          .join(' ')}`
          : `let place = ${first} + (e % ${side / 4}u) * 4u; let step = k + e / ${side / 4}u;
        let start = ${name}Base + min(step, sizes.k - 1u) * ${depthStride};
        let loaded = vec4f(${range(4)
          .map((t) => fetch(`start + min(place + ${t}u, ${bound} - 1u) * ${sideStride}`))
          .join(', ')});
        ${name}Tile[e] = select(vec4f(0.0), loaded, step < sizes.k);`;
    return `for (var e = id; e < ${vectors}u; e += ${threads}u) {
        ${body}
      }`;
  };
  return `  for (var k = 0u; k < sizes.k; k += ${depth}u) {
      ${fill('a', form.a, rows * threadsY)}
      ${fill('b', form.b, columns * threadsX)}
      workgroupBarrier();
      for (var step = 0u; step < ${depth}u; step++) {
      ${range(rows / 4)
        .map((g) => `let v${g} = aTile[step * ${(rows * threadsY) / 4}u + local.y * ${rows / 4}u + ${g}u];`)
        .join(' ')}
      ${range(columns / 4)
        .map((g) => `let y${g} = bTile[step * ${(columns * threadsX) / 4}u + local.x * ${columns / 4}u + ${g}u];`)
        .join(' ')}
      ${accumulate(tile, (i) => `v${Math.floor(i / 4)}.${XYZW[i % 4] ?? 'x'}`)}
      }
      // The next slab must not overwrite what another invocation still reads.
      workgroupBarrier();
  }`;
}

function stores({ rows, columns }: MatmulTile, form: MatmulForm): string {
  const groups = range(columns / 4);
  const lines: string[] = [];
  if (form.bias)
    for (const g of groups) {
      const parts = range(4).map((t) => `bias[sizes.biasStart + min(column + ${4 * g + t}u, sizes.n - 1u)]`);
      lines.push(`  let bias${g} = vec4f(${parts.join(', ')});`);
    }
  const finish = (value: string): string => (form.activation === 'none' ? value : `activate(${value})`);
  for (const i of range(rows)) {
    const stored = groups.map((g) => {
      const sum = `sizes.alpha * sum${i}_${g}${form.bias ? ` + bias${g}` : ''}`;
      const place = `(row + ${i}u) * sizes.cRow + column + ${4 * g}u`;
      if (form.vectorC) {
        const more = [
          ...(form.addend ? [` + addend[(addendBase + ${place}) / 4u]`] : []),
          ...(form.accumulate ? [` + c[(cBase + ${place}) / 4u]`] : []),
        ].join('');
        return `if (column + ${4 * g}u < sizes.n) { c[(cBase + ${place}) / 4u] = ${finish(sum + more)}; }`;
      }
      const four = (name: string, base: string): string =>
        ` + vec4f(${range(4)
          .map((t) => `${name}[${base} + (row + ${i}u) * sizes.cRow + min(column + ${4 * g + t}u, sizes.n - 1u)]`)
          .join(', ')})`;
      const more = `${form.addend ? four('addend', 'addendBase') : ''}${form.accumulate ? four('c', 'cBase') : ''}`;
      const parts = range(4).map((t) => `if (column + ${4 * g + t}u < sizes.n) { c[cBase + ${place} + ${t}u] = value.${XYZW[t] ?? 'x'}; }`);
      return `{ let value = ${finish(sum + more)}; ${parts.join(' ')} }`;
    });
    lines.push(`  if (row + ${i}u < sizes.m) { ${stored.join(' ')} }`);
  }
  return lines.join('\n');
}
