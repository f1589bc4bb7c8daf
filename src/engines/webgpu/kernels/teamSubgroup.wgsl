// A team works on one row: here a workgroup that is exactly one subgroup, so that sums need no memory and no barrier.
struct Lane {
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
}

fn teamSum(x: f32, lane: Lane) -> f32 {
  return subgroupAdd(x);
}

fn teamMax(x: f32, lane: Lane) -> f32 {
  return subgroupMax(x);
}

fn teamMin(x: f32, lane: Lane) -> f32 {
  return subgroupMin(x);
}
