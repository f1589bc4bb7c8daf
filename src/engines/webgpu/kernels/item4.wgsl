// Kernels are written over items: four f32 at a time, where rows are whole numbers of them.
alias Item = vec4f;
const ITEM = 4u;

fn total(x: Item) -> f32 {
  return (x.x + x.y) + (x.z + x.w);
}

fn largest(x: Item) -> f32 {
  return max(max(x.x, x.y), max(x.z, x.w));
}

fn pick(x: Item, place: u32) -> f32 {
  return x[place & 3u];
}

/// Numbers of the elements of an item whose first is `first`.
fn places(first: u32) -> vec4f {
  return f32(first) + vec4f(0.0, 1.0, 2.0, 3.0);
}
