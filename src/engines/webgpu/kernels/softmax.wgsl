// Attention probabilities: softmax(alpha scores) over the keys [first, end) that a query sees, 0 for the others. Rows are those of
// [B, heads, queries, keys], one team a row, width in items.
struct Sizes {
  rows: u32,
  width: u32,
  /// Rows of this tensor before the first of this dispatch.
  firstRow: u32,
  heads: u32,
  queries: u32,
  alpha: f32,
  /// Keys in front of a query and behind it that narrowKeys leaves.
  before: u32,
  after: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> x: array<Item>;
@group(0) @binding(2) var<storage, read> dp: array<Item>;
/// [B, queries]: the first key of a query and the end of its keys.
@group(0) @binding(3) var<storage, read> ranges: array<vec2i>;
@group(0) @binding(4) var<storage, read_write> output: array<Item>;
@group(0) @binding(4) var<storage, read_write> narrowed: array<vec2i>;

/// The range of a row, within the row.
fn keysOf(row: u32) -> vec2u {
  let whole = sizes.firstRow + row;
  let range = ranges[whole / (sizes.heads * sizes.queries) * sizes.queries + whole % sizes.queries];
  let keys = i32(sizes.width * ITEM);
  let first = clamp(range.x, 0, keys);
  return vec2u(vec2i(first, clamp(range.y, first, keys)));
}

/// The items that hold a key of the range: from the first to before the second.
fn itemsOf(keys: vec2u) -> vec2u {
  return vec2u(keys.x / ITEM, select((keys.y + ITEM - 1u) / ITEM, keys.x / ITEM, keys.x == keys.y));
}

/// An item's elements where they are keys of the range, else `other`.
fn seen(value: Item, item: u32, keys: vec2u, other: Item) -> Item {
  let place = places(item * ITEM);
  return select(select(other, value, place < Item(f32(keys.y))), other, place < Item(f32(keys.x)));
}

@compute @workgroup_size(GROUP)
fn softmax(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= sizes.rows) {
    return;
  }
  let start = row * sizes.width;
  let keys = keysOf(row);
  let items = itemsOf(keys);
  var top = Item(-3.4e38);
  for (var i = items.x + id; i < items.y; i += GROUP) {
    top = max(top, seen(sizes.alpha * x[start + i], i, keys, Item(-3.4e38)));
  }
  let peak = teamMax(largest(top), id);
  var sum = Item(0.0);
  for (var i = id; i < sizes.width; i += GROUP) {
    var weight = Item(0.0);
    if (i >= items.x && i < items.y) {
      weight = seen(exp(sizes.alpha * x[start + i] - peak), i, keys, Item(0.0));
    }
    output[start + i] = weight;
    sum += weight;
  }
  // The largest weight is 1, unless there is no key.
  let inverse = 1.0 / max(teamSum(total(sum), id), 0.5);
  for (var i = items.x + id; i < items.y; i += GROUP) {
    output[start + i] *= inverse;
  }
}

/// p, dp -> alpha p (dp - sum dp p).
@compute @workgroup_size(GROUP)
fn softmaxGrad(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= sizes.rows) {
    return;
  }
  let start = row * sizes.width;
  let items = itemsOf(keysOf(row));
  var sum = Item(0.0);
  for (var i = items.x + id; i < items.y; i += GROUP) {
    sum += x[start + i] * dp[start + i];
  }
  let along = teamSum(total(sum), id);
  for (var i = id; i < sizes.width; i += GROUP) {
    var slope = Item(0.0);
    if (i >= items.x && i < items.y) {
      slope = sizes.alpha * x[start + i] * (dp[start + i] - along);
    }
    output[start + i] = slope;
  }
}

/// One invocation a query of [B, queries].
@compute @workgroup_size(GROUP)
fn narrowKeys(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let i = (group.y * groups.x + group.x) * GROUP + id;
  if (i >= sizes.rows) {
    return;
  }
  let query = i32(i % sizes.queries);
  narrowed[i] = vec2i(max(ranges[i].x, query - i32(sizes.before)), min(ranges[i].y, query + i32(sizes.after) + 1));
}
