// A team works on one row: here a workgroup that sums in workgroup memory. GROUP is a power of two.
struct Lane {
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
}

var<workgroup> partials: array<f32, GROUP>;

fn teamSum(x: f32, lane: Lane) -> f32 {
  partials[lane.id] = x;
  workgroupBarrier();
  for (var half = GROUP / 2u; half > 0u; half /= 2u) {
    if (lane.id < half) {
      partials[lane.id] += partials[lane.id + half];
    }
    workgroupBarrier();
  }
  let sum = partials[0];
  // The next use must not overwrite what another lane still reads.
  workgroupBarrier();
  return sum;
}

fn teamMax(x: f32, lane: Lane) -> f32 {
  partials[lane.id] = x;
  workgroupBarrier();
  for (var half = GROUP / 2u; half > 0u; half /= 2u) {
    if (lane.id < half) {
      partials[lane.id] = max(partials[lane.id], partials[lane.id + half]);
    }
    workgroupBarrier();
  }
  let top = partials[0];
  workgroupBarrier();
  return top;
}

fn teamMin(x: f32, lane: Lane) -> f32 {
  return -teamMax(-x, lane);
}
