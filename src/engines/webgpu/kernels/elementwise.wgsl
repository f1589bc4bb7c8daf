// One invocation an item. count is in items. Padding behind a tensor belongs to it, so a last item may be half used.
struct Sizes {
  count: u32,
  factor: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> a: array<Item>;
@group(0) @binding(2) var<storage, read> b: array<Item>;
@group(0) @binding(2) var<storage, read> scalar: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<Item>;
@group(0) @binding(4) var<storage, read> c: array<Item>;

fn indexOf(group: vec3u, groups: vec3u, id: u32) -> u32 {
  return (group.y * groups.x + group.x) * GROUP + id;
}

@compute @workgroup_size(GROUP)
fn add(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let i = indexOf(group, groups, id);
  if (i < sizes.count) {
    output[i] = a[i] + b[i];
  }
}

@compute @workgroup_size(GROUP)
fn mul(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let i = indexOf(group, groups, id);
  if (i < sizes.count) {
    output[i] = a[i] * b[i];
  }
}

@compute @workgroup_size(GROUP)
fn scale(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let i = indexOf(group, groups, id);
  if (i < sizes.count) {
    output[i] = sizes.factor * a[i];
  }
}

/// x -> 1 / sqrt(x + factor).
@compute @workgroup_size(GROUP)
fn rsqrt(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let i = indexOf(group, groups, id);
  if (i < sizes.count) {
    output[i] = inverseSqrt(a[i] + sizes.factor);
  }
}

@compute @workgroup_size(GROUP)
fn scaleBy(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let i = indexOf(group, groups, id);
  if (i < sizes.count) {
    output[i] = scalar[0] * a[i];
  }
}

@compute @workgroup_size(GROUP)
fn broadcast(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let i = indexOf(group, groups, id);
  if (i < sizes.count) {
    output[i] = Item(scalar[0]);
  }
}

@compute @workgroup_size(GROUP)
fn fill(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let i = indexOf(group, groups, id);
  if (i < sizes.count) {
    output[i] = Item(sizes.factor);
  }
}

@compute @workgroup_size(GROUP)
fn gelu(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let i = indexOf(group, groups, id);
  if (i < sizes.count) {
    output[i] = activate(a[i]);
  }
}

/// x, dy -> dy * gelu'(x).
@compute @workgroup_size(GROUP)
fn geluGrad(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let i = indexOf(group, groups, id);
  if (i < sizes.count) {
    output[i] = b[i] * slope(a[i]);
  }
}

/// x, g -> gelu(x) * g.
@compute @workgroup_size(GROUP)
fn gatedGelu(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let i = indexOf(group, groups, id);
  if (i < sizes.count) {
    output[i] = b[i] * activate(a[i]);
  }
}

/// x, g, dy -> dy * g * gelu'(x).
@compute @workgroup_size(GROUP)
fn gatedGeluGrad(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let i = indexOf(group, groups, id);
  if (i < sizes.count) {
    output[i] = c[i] * b[i] * slope(a[i]);
  }
}
