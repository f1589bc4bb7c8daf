// A team works on one row: here a workgroup that is exactly one subgroup, so that sums need no memory and no barrier.
fn teamSum(x: f32, id: u32) -> f32 {
  return subgroupAdd(x);
}

fn teamMax(x: f32, id: u32) -> f32 {
  return subgroupMax(x);
}

fn teamMin(x: f32, id: u32) -> f32 {
  return subgroupMin(x);
}
