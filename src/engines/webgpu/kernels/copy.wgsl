// Elements of any layout of up to four axes into another. Words, not floats: i32 tensors are copied as well.
struct Sizes {
  count: u32,
  source: u32,
  goal: u32,
  /// Of the last three axes.
  lengths: vec3u,
  sourceStrides: vec4u,
  goalStrides: vec4u,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> output: array<u32>;

@compute @workgroup_size(GROUP)
fn copy(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let i = (group.y * groups.x + group.x) * GROUP + id;
  if (i >= sizes.count) {
    return;
  }
  let place3 = i % sizes.lengths.z;
  let rows = i / sizes.lengths.z;
  let place2 = rows % sizes.lengths.y;
  let planes = rows / sizes.lengths.y;
  let places = vec4u(planes / sizes.lengths.x, planes % sizes.lengths.x, place2, place3);
  let source = places * sizes.sourceStrides;
  let goal = places * sizes.goalStrides;
  output[sizes.goal + goal.x + goal.y + goal.z + goal.w] = x[sizes.source + source.x + source.y + source.z + source.w];
}
