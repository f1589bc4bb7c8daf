// A team works on one row: here a workgroup that sums in workgroup memory. GROUP is a power of two.
var<workgroup> partials: array<f32, GROUP>;

fn teamSum(x: f32, id: u32) -> f32 {
  partials[id] = x;
  workgroupBarrier();
  for (var half = GROUP / 2u; half > 0u; half /= 2u) {
    if (id < half) {
      partials[id] += partials[id + half];
    }
    workgroupBarrier();
  }
  let sum = partials[0];
  // The next use must not overwrite what another lane still reads.
  workgroupBarrier();
  return sum;
}

fn teamMax(x: f32, id: u32) -> f32 {
  partials[id] = x;
  workgroupBarrier();
  for (var half = GROUP / 2u; half > 0u; half /= 2u) {
    if (id < half) {
      partials[id] = max(partials[id], partials[id + half]);
    }
    workgroupBarrier();
  }
  let top = partials[0];
  workgroupBarrier();
  return top;
}

fn teamMin(x: f32, id: u32) -> f32 {
  return -teamMax(-x, id);
}
