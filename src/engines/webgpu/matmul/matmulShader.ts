import { KERNELS } from '../built/kernels.ts';
import type { Shader } from '../shader.ts';
import type { MatmulForm, MatmulTile, Method } from './form.ts';
import { quadSums } from './quadSums.ts';
import { registerSums } from './registerSums.ts';
import { part, range, type Reads, type Sums } from './sums.ts';
import { workgroupSums } from './workgroupSums.ts';

const SUMS: Readonly<Record<Method, (tile: MatmulTile, form: MatmulForm, read: Reads) => Sums>> = {
  registers: registerSums,
  quad: quadSums,
  workgroup: workgroupSums,
};

/** Writes out a matmul kernel; see kernels/matmul.wgsl for the frame. */
export function matmulShader(tile: MatmulTile, form: MatmulForm, activationNumber: number): Shader {
  const { method, rows, columns, threadsX, threadsY } = tile;
  const reader = (name: 'a' | 'b', half: boolean) => (place: string) =>
    half ? `${form[name] === 'single' ? 'f32' : 'vec4f'}(${name}[${place}])` : `${name}[${place}]`;
  const sums = SUMS[method](tile, form, { a: reader('a', form.halfA), b: reader('b', form.halfB) });
  const parts: Readonly<Record<string, string>> = {
    aType: storedType(form.halfA, form.a === 'single'),
    bType: storedType(form.halfB, form.b === 'single'),
    cType: form.vectorC ? 'vec4f' : 'f32',
    workgroupMemory: sums.memory,
    builtins: method === 'quad' ? '\n  @builtin(subgroup_invocation_id) lane: u32,' : '',
    sums: sums.declarations,
    product: sums.product,
    stores: stores(tile, form, sums),
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

/** Sizes are read once and divided by shifts: on a software GPU each costs as much as several products. */
function stores({ rows, columns }: MatmulTile, form: MatmulForm, sums: Sums): string {
  const groups = range(columns / 4);
  const shift = form.vectorC ? ' >> 2u' : '';
  const bias = groups.map((g) => {
    const parts = range(4).map((t) => `bias[sizes.biasStart + min(column + ${4 * g + t}u, n - 1u)]`);
    return `  let bias${g} = vec4f(${parts.join(', ')});`;
  });
  const addend = '(sizes.addendStart + batch0 * sizes.cBatch0 + batch1 * sizes.cBatch1 + column)';
  const heads = [
    '  let m = sizes.m;',
    '  let n = sizes.n;',
    '  let alpha = sizes.alpha;',
    `  let cStep = sizes.cRow${shift};`,
    `  let cPlace = (cBase + column)${shift};`,
    ...(form.addend ? [`  let addendPlace = ${addend}${shift};`] : []),
    ...groups.map((g) => `  let inside${g} = column + ${4 * g}u < n;`),
    ...(form.bias ? bias : []),
  ];
  const finish = (value: string): string => (form.activation === 'none' ? value : `activate(${value})`);
  const four = (i: number, g: number): string => {
    const sum = `alpha * ${sums.four(i, g)}${form.bias ? ` + bias${g}` : ''}`;
    if (form.vectorC) {
      const more = [
        ...(form.addend ? [` + addend[addendPlace + at + ${g}u]`] : []),
        ...(form.accumulate ? [` + c[cPlace + at + ${g}u]`] : []),
      ].join('');
      return `if (inside${g}) { c[cPlace + at + ${g}u] = ${finish(sum + more)}; }`;
    }
    const more = (name: string, place: string): string =>
      ` + vec4f(${range(4)
        .map((t) => `${name}[${place} + at + min(${4 * g + t}u, n - 1u - column)]`)
        .join(', ')})`;
    const all = `${sum}${form.addend ? more('addend', 'addendPlace') : ''}${form.accumulate ? more('c', 'cPlace') : ''}`;
    const one = (t: number): string => `if (column + ${4 * g + t}u < n) { c[cPlace + at + ${4 * g + t}u] = ${part('value', t)}; }`;
    return `if (inside${g}) { let value = ${finish(all)}; ${range(4).map(one).join(' ')} }`;
  };
  const lines = range(rows).map(
    (i) => `  { let r = ${sums.place(i)}; if (r < m) { let at = r * cStep; ${groups.map((g) => four(i, g)).join(' ')} } }`,
  );
  return [...heads, ...lines].join('\n');
}
