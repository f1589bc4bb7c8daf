// Attention probabilities: softmax(alpha scores + mask) over rows, one team a row, width in items.
// The mask is finite, so a row whose keys are all masked is uniform over its scores.
struct Sizes {
  rows: u32,
  width: u32,
  /// Rows of this tensor before the first of this dispatch.
  firstRow: u32,
  rowsASequence: u32,
  alpha: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> x: array<Item>;
@group(0) @binding(2) var<storage, read> mask: array<Item>;
@group(0) @binding(2) var<storage, read> dp: array<Item>;
@group(0) @binding(3) var<storage, read_write> output: array<Item>;

@compute @workgroup_size(GROUP)
fn softmax(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= sizes.rows) {
    return;
  }
  let start = row * sizes.width;
  let shift = (sizes.firstRow + row) / sizes.rowsASequence * sizes.width;
  var top = Item(-3.4e38);
  for (var i = id; i < sizes.width; i += GROUP) {
    top = max(top, sizes.alpha * x[start + i] + mask[shift + i]);
  }
  let peak = teamMax(largest(top), id);
  var sum = Item(0.0);
  for (var i = id; i < sizes.width; i += GROUP) {
    let weight = exp(sizes.alpha * x[start + i] + mask[shift + i] - peak);
    output[start + i] = weight;
    sum += weight;
  }
  let inverse = 1.0 / teamSum(total(sum), id);
  for (var i = id; i < sizes.width; i += GROUP) {
    output[start + i] *= inverse;
  }
}

/// p, dp -> alpha p (dp - sum dp p).
@compute @workgroup_size(GROUP)
fn softmaxGrad(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= sizes.rows) {
    return;
  }
  let start = row * sizes.width;
  var sum = Item(0.0);
  for (var i = id; i < sizes.width; i += GROUP) {
    sum += x[start + i] * dp[start + i];
  }
  let along = teamSum(total(sum), id);
  for (var i = id; i < sizes.width; i += GROUP) {
    output[start + i] = sizes.alpha * x[start + i] * (dp[start + i] - along);
  }
}
