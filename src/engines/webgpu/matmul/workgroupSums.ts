import type { Load, MatmulForm, MatmulTile } from './form.ts';
import { addProducts, part, range, vectorSums, type Reads, type Sums } from './sums.ts';

/**
 * Sums from workgroup memory. Tiles lie [depth][side], so that invocations read vectors along the side; what is beyond an
 * edge is loaded as zero.
 */
export function workgroupSums(tile: MatmulTile, form: MatmulForm, read: Reads): Sums {
  const { rows, columns, threadsX, threadsY, depth } = tile;
  const threads = threadsX * threadsY;
  const fill = (name: 'a' | 'b', load: Load, side: number): string => {
    const first = name === 'a' ? `group.y * ${side}u` : `group.x * ${side}u`;
    const bound = name === 'a' ? 'sizes.m' : 'sizes.n';
    const sideStride = name === 'a' ? 'sizes.aRow' : 'sizes.bColumn';
    const depthStride = name === 'a' ? 'sizes.aColumn' : 'sizes.bRow';
    const fetch = read[name];
    if (load === 'depth') {
      // Four vectors along k of four neighbours, turned in registers: a write to one component of a vector may touch the whole
      // of it (WGSL, memory locations), so invocations must never share a vector between two barriers. B's blocks go to the
      // invocations that A's leave idle.
      const blocks = (side * depth) / 16;
      const loads = range(4).map(
        (s) =>
          `let l${s} = select(vec4f(0.0), ${fetch(`(${name}Base + min(place + ${s}u, ${bound} - 1u) * ${sideStride} + min(step, sizes.k - 4u)) >> 2u`)}, place + ${s}u < ${bound} && step < sizes.k);`,
      );
      const writes = range(4).map(
        (t) =>
          `${name}Tile[at + ${(t * side) / 4}u] = vec4f(${range(4)
            .map((s) => part(`l${s}`, t))
            .join(', ')});`,
      );
      return `for (var e = ${name === 'a' ? 'id' : `${threads - 1}u - id`}; e < ${blocks}u; e += ${threads}u) {
        let place = ${first} + (e / ${depth / 4}u) * 4u; let step = k + (e % ${depth / 4}u) * 4u;
        ${loads.join('\n        ')}
        let at = (e % ${depth / 4}u) * ${side}u + e / ${depth / 4}u;
        ${writes.join('\n        ')}
      }`;
    }
    const vectors = (side * depth) / 4;
    const body =
      load === 'side'
        ? `let place = ${first} + (e % ${side / 4}u) * 4u; let step = k + e / ${side / 4}u;
        ${name}Tile[e] = select(vec4f(0.0), ${fetch(`(${name}Base + min(step, sizes.k - 1u) * ${depthStride} + min(place, ${bound} - 4u)) >> 2u`)}, place < ${bound} && step < sizes.k);`
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
  const product = `  for (var k = 0u; k < sizes.k; k += ${depth}u) {
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
      ${addProducts(rows, columns, (i) => part(`v${i >> 2}`, i))}
      }
      // The next slab must not overwrite what another invocation still reads.
      workgroupBarrier();
  }`;
  return {
    memory: `var<workgroup> aTile: array<vec4f, ${(rows * threadsY * depth) / 4}>;
var<workgroup> bTile: array<vec4f, ${(columns * threadsX * depth) / 4}>;`,
    ...vectorSums(rows, columns),
    product,
  };
}
