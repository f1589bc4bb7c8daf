// Rotary positions: x [N, A a], angles [P, a] with cosines before sines. Counts are in items of a head's half.
struct Sizes {
  /// Items of all first halves.
  pairs: u32,
  /// Items of a row's first halves, and of one head's.
  width: u32,
  half: u32,
  /// 1, or -1 to turn back.
  turn: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> x: array<Item>;
@group(0) @binding(2) var<storage, read> table: array<Item>;
@group(0) @binding(3) var<storage, read> positions: array<i32>;
@group(0) @binding(4) var<storage, read_write> output: array<Item>;

@compute @workgroup_size(GROUP)
fn rotate(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let i = (group.y * groups.x + group.x) * GROUP + id;
  if (i >= sizes.pairs) {
    return;
  }
  let within = i % sizes.half;
  let first = 2u * (i - within) + within;
  let second = first + sizes.half;
  let angle = u32(positions[i / sizes.width]) * 2u * sizes.half + within;
  let cosine = table[angle];
  let sine = sizes.turn * table[angle + sizes.half];
  let p = x[first];
  let q = x[second];
  output[first] = p * cosine - q * sine;
  output[second] = q * cosine + p * sine;
}
