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

struct Place {
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
}

fn indexOf(place: Place) -> u32 {
  return (place.group.y * place.groups.x + place.group.x) * GROUP + place.id;
}

@compute @workgroup_size(GROUP)
fn add(place: Place) {
  let i = indexOf(place);
  if (i < sizes.count) {
    output[i] = a[i] + b[i];
  }
}

@compute @workgroup_size(GROUP)
fn mul(place: Place) {
  let i = indexOf(place);
  if (i < sizes.count) {
    output[i] = a[i] * b[i];
  }
}

@compute @workgroup_size(GROUP)
fn scale(place: Place) {
  let i = indexOf(place);
  if (i < sizes.count) {
    output[i] = sizes.factor * a[i];
  }
}

@compute @workgroup_size(GROUP)
fn scaleBy(place: Place) {
  let i = indexOf(place);
  if (i < sizes.count) {
    output[i] = scalar[0] * a[i];
  }
}

@compute @workgroup_size(GROUP)
fn broadcast(place: Place) {
  let i = indexOf(place);
  if (i < sizes.count) {
    output[i] = Item(scalar[0]);
  }
}

@compute @workgroup_size(GROUP)
fn fill(place: Place) {
  let i = indexOf(place);
  if (i < sizes.count) {
    output[i] = Item(sizes.factor);
  }
}

@compute @workgroup_size(GROUP)
fn gelu(place: Place) {
  let i = indexOf(place);
  if (i < sizes.count) {
    output[i] = activate(a[i]);
  }
}

/// x, dy -> dy * gelu'(x).
@compute @workgroup_size(GROUP)
fn geluGrad(place: Place) {
  let i = indexOf(place);
  if (i < sizes.count) {
    output[i] = b[i] * slope(a[i]);
  }
}
