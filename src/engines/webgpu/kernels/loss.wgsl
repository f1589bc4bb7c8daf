// Losses over rows of logits [M, V] and their gradients; one team a row, width in items. A negative label: 0.
struct Sizes {
  rows: u32,
  width: u32,
  temperature: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> logits: array<Item>;
@group(0) @binding(2) var<storage, read> labels: array<i32>;
@group(0) @binding(3) var<storage, read> slopes: array<f32>;
@group(0) @binding(4) var<storage, read> teacher: array<Item>;
@group(0) @binding(5) var<storage, read_write> output: array<Item>;
@group(0) @binding(5) var<storage, read_write> losses: array<f32>;

/// The row's largest entry, and the logarithm of its sum of exponentials above it, of logits over the temperature.
fn logitsTotal(id: u32, start: u32, temperature: f32) -> vec2f {
  var top = Item(-3.4e38);
  for (var i = id; i < sizes.width; i += GROUP) {
    top = max(top, logits[start + i]);
  }
  let peak = teamMax(largest(top), id);
  var sum = Item(0.0);
  for (var i = id; i < sizes.width; i += GROUP) {
    sum += exp((logits[start + i] - peak) / temperature);
  }
  return vec2f(peak, log(teamSum(total(sum), id)));
}

fn teacherTotal(id: u32, start: u32, temperature: f32) -> vec2f {
  var top = Item(-3.4e38);
  for (var i = id; i < sizes.width; i += GROUP) {
    top = max(top, teacher[start + i]);
  }
  let peak = teamMax(largest(top), id);
  var sum = Item(0.0);
  for (var i = id; i < sizes.width; i += GROUP) {
    sum += exp((teacher[start + i] - peak) / temperature);
  }
  return vec2f(peak, log(teamSum(total(sum), id)));
}

@compute @workgroup_size(GROUP)
fn crossEntropy(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= sizes.rows) {
    return;
  }
  let start = row * sizes.width;
  let parts = logitsTotal(id, start, 1.0);
  let label = labels[row];
  if (id == 0u) {
    let place = u32(max(label, 0));
    let wanted = pick(logits[start + place / ITEM], place % ITEM);
    losses[row] = select(parts.y + (parts.x - wanted), 0.0, label < 0);
  }
}

/// slope (softmax - onehot).
@compute @workgroup_size(GROUP)
fn crossEntropyGrad(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= sizes.rows) {
    return;
  }
  let start = row * sizes.width;
  let parts = logitsTotal(id, start, 1.0);
  let label = labels[row];
  let slope = select(slopes[row], 0.0, label < 0);
  for (var i = id; i < sizes.width; i += GROUP) {
    let onehot = select(Item(0.0), Item(1.0), places(i * ITEM) == Item(f32(label)));
    output[start + i] = slope * (exp(logits[start + i] - parts.x - parts.y) - onehot);
  }
}

/// t^2 KL(softmax(teacher / t) || softmax(logits / t)).
@compute @workgroup_size(GROUP)
fn distillation(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= sizes.rows) {
    return;
  }
  let start = row * sizes.width;
  let t = sizes.temperature;
  let student = logitsTotal(id, start, t);
  let wanted = teacherTotal(id, start, t);
  var sum = Item(0.0);
  for (var i = id; i < sizes.width; i += GROUP) {
    let logP = (teacher[start + i] - wanted.x) / t - wanted.y;
    let logQ = (logits[start + i] - student.x) / t - student.y;
    sum += exp(logP) * (logP - logQ);
  }
  let divergence = teamSum(total(sum), id);
  if (id == 0u) {
    losses[row] = select(t * t * divergence, 0.0, labels[row] < 0);
  }
}

/// slope t (softmax(logits / t) - softmax(teacher / t)).
@compute @workgroup_size(GROUP)
fn distillationGrad(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= sizes.rows) {
    return;
  }
  let start = row * sizes.width;
  let t = sizes.temperature;
  let student = logitsTotal(id, start, t);
  let wanted = teacherTotal(id, start, t);
  let slope = select(t * slopes[row], 0.0, labels[row] < 0);
  for (var i = id; i < sizes.width; i += GROUP) {
    let q = exp((logits[start + i] - student.x) / t - student.y);
    let p = exp((teacher[start + i] - wanted.x) / t - wanted.y);
    output[start + i] = slope * (q - p);
  }
}
