// Kernels are written over items: here one f32, in item4.wgsl four at a time.
alias Item = f32;
const ITEM = 1u;

fn total(x: Item) -> f32 {
  return x;
}

fn largest(x: Item) -> f32 {
  return x;
}

fn pick(x: Item, place: u32) -> f32 {
  return x;
}

/// Numbers of the elements of an item whose first is `first`.
fn places(first: u32) -> f32 {
  return f32(first);
}
