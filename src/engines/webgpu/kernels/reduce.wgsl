// Sums over whole tensors, in two stages: one partial result a workgroup, then one workgroup over the partial results.
struct Sizes {
  count: u32,
  /// Elements of one workgroup's share.
  share: u32,
  /// Number of the first workgroup's result.
  first: u32,
}

/// A stretch of one tensor that one workgroup sums: where it starts in the bound slab, and how many elements it has.
struct Stretch {
  start: u32,
  count: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> stretches: array<Stretch>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;
@group(0) @binding(3) var<storage, read_write> squares: array<vec2f>;
@group(0) @binding(4) var<storage, read> partSquares: array<vec2f>;
@group(0) @binding(5) var<storage, read> loss: array<f32>;
@group(0) @binding(6) var<storage, read_write> halted: array<f32>;
/// Of the update.
@group(0) @binding(7) var<storage, read> settings: array<f32>;

@compute @workgroup_size(GROUP)
fn reduceSum(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let number = group.y * groups.x + group.x;
  let start = number * sizes.share;
  if (start >= sizes.count) {
    return;
  }
  let end = min(start + sizes.share, sizes.count);
  var sum = 0.0;
  for (var i = start + id; i < end; i += GROUP) {
    sum += x[i];
  }
  let whole = teamSum(sum, id);
  if (id == 0u) {
    output[sizes.first + number] = whole;
  }
}

/// Where the settings of an update have the most that its norm may be.
const NORM_LIMIT = 7u;

/// 1 where the number is infinite or not a number. By its bits: compilers may assume that floats are finite.
fn bad(x: f32) -> f32 {
  return select(0.0, 1.0, (bitcast<u32>(x) & 0x7f800000u) == 0x7f800000u);
}

/// The sum of squares of a stretch, and how many of its numbers are not finite.
@compute @workgroup_size(GROUP)
fn sumSquares(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let number = group.y * groups.x + group.x;
  if (number >= sizes.count) {
    return;
  }
  let stretch = stretches[number];
  var sum = 0.0;
  var faults = 0.0;
  for (var i = id; i < stretch.count; i += GROUP) {
    let value = x[stretch.start + i];
    sum += value * value;
    faults += bad(value);
  }
  let whole = teamSum(sum, id);
  let allFaults = teamSum(faults, id);
  if (id == 0u) {
    squares[sizes.first + number] = vec2f(whole, allFaults);
  }
}

/// The root of the joint sum, and 1 where everything is finite, the loss too, the root within its limit, and nothing was
/// halted before, else 0.
@compute @workgroup_size(GROUP)
fn globalNorm(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  var sum = 0.0;
  var faults = 0.0;
  for (var i = id; i < sizes.count; i += GROUP) {
    sum += partSquares[i].x;
    faults += partSquares[i].y;
  }
  let whole = teamSum(sum, id);
  let allFaults = teamSum(faults, id);
  if (id == 0u) {
    let root = sqrt(whole);
    output[0] = root;
    let finite = allFaults == 0.0 && bad(whole) == 0.0 && bad(loss[0]) == 0.0;
    let sound = finite && root <= settings[NORM_LIMIT] && halted[0] == 0.0;
    output[1] = select(0.0, 1.0, sound);
    halted[0] = select(1.0, 0.0, sound);
  }
}
