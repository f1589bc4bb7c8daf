// C = activation(alpha A B + bias + addend), two batch axes, any strides. Unrolled by matmul/matmulShader.ts, which fills the
// {{...}} places: every invocation keeps a tile of ROWS x COLUMNS sums in variables, since indexed arrays would go to
// memory on most devices.
// Edges: loads clamp their row and column, stores check them.
struct Sizes {
  m: u32,
  n: u32,
  k: u32,
  innerBatches: u32,
  aStart: u32,
  aBatch0: u32,
  aBatch1: u32,
  aRow: u32,
  aColumn: u32,
  bStart: u32,
  bBatch0: u32,
  bBatch1: u32,
  bRow: u32,
  bColumn: u32,
  cStart: u32,
  cBatch0: u32,
  cBatch1: u32,
  cRow: u32,
  addendStart: u32,
  biasStart: u32,
  alpha: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> a: array<{{aType}}>;
@group(0) @binding(2) var<storage, read> b: array<{{bType}}>;
@group(0) @binding(3) var<storage, read_write> c: array<{{cType}}>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read> addend: array<{{cType}}>;
{{workgroupMemory}}
@compute @workgroup_size(THREADS_X, THREADS_Y)
fn matmul(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) id: u32,{{builtins}}
) {
  let batch0 = group.z / sizes.innerBatches;
  let batch1 = group.z % sizes.innerBatches;
  let aBase = sizes.aStart + batch0 * sizes.aBatch0 + batch1 * sizes.aBatch1;
  let bBase = sizes.bStart + batch0 * sizes.bBatch0 + batch1 * sizes.bBatch1;
  let cBase = sizes.cStart + batch0 * sizes.cBatch0 + batch1 * sizes.cBatch1;
  let row = (group.y * THREADS_Y + local.y) * ROWS;
  let column = (group.x * THREADS_X + local.x) * COLUMNS;
{{sums}}
{{product}}
{{stores}}
}
