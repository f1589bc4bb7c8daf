// LayerNorm over rows [N, d] and its gradients; one team a row, width in items.
// Two passes: E[x^2] - E[x]^2 cancels badly in f32. The mean and the inverse deviation are kept for the backward pass.
struct Sizes {
  rows: u32,
  width: u32,
  epsilon: f32,
  rowsABlock: u32,
  firstBlock: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> x: array<Item>;
@group(0) @binding(2) var<storage, read> gain: array<Item>;
@group(0) @binding(3) var<storage, read> shift: array<Item>;
@group(0) @binding(3) var<storage, read> dy: array<Item>;
/// Mean and inverse deviation of every row.
@group(0) @binding(4) var<storage, read_write> written: array<vec2f>;
@group(0) @binding(4) var<storage, read> statistics: array<vec2f>;
@group(0) @binding(5) var<storage, read_write> output: array<Item>;

/// Mean and inverse deviation of a row, kept for the backward pass.
fn measure(id: u32, row: u32) -> vec2f {
  let start = row * sizes.width;
  let width = f32(sizes.width * ITEM);
  var sum = Item(0.0);
  for (var i = id; i < sizes.width; i += GROUP) {
    sum += x[start + i];
  }
  let mean = teamSum(total(sum), id) / width;
  var squares = Item(0.0);
  for (var i = id; i < sizes.width; i += GROUP) {
    let d = x[start + i] - mean;
    squares += d * d;
  }
  let measured = vec2f(mean, inverseSqrt(teamSum(total(squares), id) / width + sizes.epsilon));
  if (id == 0u) {
    written[row] = measured;
  }
  return measured;
}

@compute @workgroup_size(GROUP)
fn rowStatistics(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row < sizes.rows) {
    measure(id, row);
  }
}

@compute @workgroup_size(GROUP)
fn layerNorm(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= sizes.rows) {
    return;
  }
  let start = row * sizes.width;
  let measured = measure(id, row);
  for (var i = id; i < sizes.width; i += GROUP) {
    output[start + i] = (x[start + i] - measured.x) * measured.y * gain[i] + shift[i];
  }
}

/// x, gain, dy, statistics -> dx.
@compute @workgroup_size(GROUP)
fn layerNormGradInput(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= sizes.rows) {
    return;
  }
  let start = row * sizes.width;
  let mean = statistics[row].x;
  let inverse = statistics[row].y;
  var slopes = Item(0.0);
  var alongs = Item(0.0);
  for (var i = id; i < sizes.width; i += GROUP) {
    let slope = dy[start + i] * gain[i];
    slopes += slope;
    alongs += slope * ((x[start + i] - mean) * inverse);
  }
  let width = f32(sizes.width * ITEM);
  let meanSlope = teamSum(total(slopes), id) / width;
  let along = teamSum(total(alongs), id) / width;
  for (var i = id; i < sizes.width; i += GROUP) {
    let normal = (x[start + i] - mean) * inverse;
    output[start + i] = inverse * (dy[start + i] * gain[i] - meanSlope - normal * along);
  }
}

/// x, dy, statistics -> [blocks, d]: every block's share of dgain. One invocation an item column of a block.
@compute @workgroup_size(GROUP)
fn layerNormGradGain(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let column = group.x * GROUP + id;
  if (column >= sizes.width) {
    return;
  }
  let first = group.y * sizes.rowsABlock;
  let end = min(first + sizes.rowsABlock, sizes.rows);
  var sum = Item(0.0);
  for (var row = first; row < end; row++) {
    let place = row * sizes.width + column;
    sum += (x[place] - statistics[row].x) * statistics[row].y * dy[place];
  }
  output[(sizes.firstBlock + group.y) * sizes.width + column] = sum;
}
