// Elements of any layout of up to four axes into row-major order. Words, not floats: i32 tensors are copied as well.
struct Sizes {
  count: u32,
  lengths: vec3u,
  source: u32,
  strides: vec4u,
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
  // lengths are those of the last three axes.
  let place3 = i % sizes.lengths.z;
  let rows = i / sizes.lengths.z;
  let place2 = rows % sizes.lengths.y;
  let planes = rows / sizes.lengths.y;
  let place1 = planes % sizes.lengths.x;
  let place0 = planes / sizes.lengths.x;
  let places = vec4u(place0, place1, place2, place3) * sizes.strides;
  output[i] = x[sizes.source + places.x + places.y + places.z + places.w];
}
