// Rows of tables [V, d]: lookup, the sum of rows into a table, the sum over rows, the place of the largest. Width in items.
// WGSL has no float atomics, and a training run must repeat bit by bit: rows with one id are added in order by one team.
struct Sizes {
  rows: u32,
  width: u32,
  /// Rows of the table before the first that is bound here, and the rows that are bound.
  firstRow: u32,
  height: u32,
  rowsABlock: u32,
  /// The first row of the block that scatterRows adds.
  start: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> x: array<Item>;
/// A table of gatherRows: items, or halves where it is a frozen state that is stored so.
@group(0) @binding(1) var<storage, read> rowsOfTable: array<STORED>;
@group(0) @binding(2) var<storage, read> ids: array<i32>;
@group(0) @binding(3) var<storage, read> chain: array<vec2u>;
@group(0) @binding(4) var<storage, read_write> output: array<Item>;
@group(0) @binding(4) var<storage, read_write> links: array<vec2u>;
@group(0) @binding(4) var<storage, read_write> largestPlaces: array<i32>;
@group(0) @binding(5) var<storage, read> nearSums: array<Item>;

const FOLLOWER = 0x80000000u;
const LAST = 0x7fffffffu;
/// Rows whose sum is one term of their block's: no chain is longer.
const NEAR = 64u;

fn invocationOf(group: vec3u, groups: vec3u, id: u32) -> u32 {
  return (group.y * groups.x + group.x) * GROUP + id;
}

/// One invocation an item. An id outside of the bound part of the table leaves the row as it is.
@compute @workgroup_size(GROUP)
fn gatherRows(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let i = invocationOf(group, groups, id);
  if (i >= sizes.rows * sizes.width) {
    return;
  }
  let wanted = ids[i / sizes.width];
  if (wanted < 0) {
    output[i] = Item(0.0);
    return;
  }
  let row = u32(wanted) - sizes.firstRow;
  if (u32(wanted) >= sizes.firstRow && row < sizes.height) {
    output[i] = Item(rowsOfTable[row * sizes.width + i % sizes.width]);
  }
}

/// Links every row to the next with the same id among its NEAR neighbours, and the first of those to the next one's first in
/// the block; marks those that are not the first. Nothing is looked for beyond a block.
@compute @workgroup_size(GROUP)
fn linkRows(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let i = invocationOf(group, groups, id);
  if (i >= sizes.rows) {
    return;
  }
  let own = ids[i];
  let start = i - i % NEAR;
  let end = min(start + NEAR, sizes.rows);
  var near = nextWith(own, i + 1u, end);
  var far = LAST;
  if (isAmong(own, start, i)) {
    near |= FOLLOWER;
  } else {
    let block = i - i % sizes.rowsABlock;
    far = nextWith(own, end, min(block + sizes.rowsABlock, sizes.rows));
    if (isAmong(own, block, start)) {
      far |= FOLLOWER;
    }
  }
  links[i] = vec2u(near, far);
}

/// The first row from `start` on with this id; LAST if there is none below `end`.
fn nextWith(own: i32, start: u32, end: u32) -> u32 {
  for (var j = start; j < end; j++) {
    if (ids[j] == own) {
      return j;
    }
  }
  return LAST;
}

fn isAmong(own: i32, start: u32, end: u32) -> bool {
  return nextWith(own, start, end) != LAST;
}

/// One team a row of dy: the sum of a chain of neighbours, where there is one, at the place of its first.
@compute @workgroup_size(GROUP)
fn sumNear(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let first = group.y * groups.x + group.x;
  if (first >= sizes.rows) {
    return;
  }
  // Alone, or not the first.
  if (chain[first].x >= LAST) {
    return;
  }
  for (var column = id; column < sizes.width; column += GROUP) {
    var sum = Item(0.0);
    for (var i = first; i != LAST; i = chain[i].x & LAST) {
      sum += x[i * sizes.width + column];
    }
    output[first * sizes.width + column] = sum;
  }
}

/// One team a row of a block of dy, from `start` on, that is the first with its id there: adds the block's rows with that id to
/// the table, block after block. The table was filled with zeros before.
@compute @workgroup_size(GROUP)
fn scatterRows(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let first = sizes.start + group.y * groups.x + group.x;
  if (first >= min(sizes.start + sizes.rowsABlock, sizes.rows)) {
    return;
  }
  let own = ids[first];
  let row = u32(own) - sizes.firstRow;
  let follows = ((chain[first].x | chain[first].y) & FOLLOWER) != 0u;
  if (own < 0 || u32(own) < sizes.firstRow || row >= sizes.height || follows) {
    return;
  }
  for (var column = id; column < sizes.width; column += GROUP) {
    var sum = output[row * sizes.width + column];
    for (var i = first; i != LAST; i = chain[i].y & LAST) {
      let place = i * sizes.width + column;
      if ((chain[i].x & LAST) == LAST) {
        sum += x[place];
      } else {
        sum += nearSums[place];
      }
    }
    output[row * sizes.width + column] = sum;
  }
}

/// For tables of a few rows: the share of every block of dy, [blocks, V, d]. One invocation an item column of a block.
@compute @workgroup_size(GROUP)
fn scatterFew(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let column = group.x * GROUP + id;
  let block = group.y;
  if (column >= sizes.width) {
    return;
  }
  let first = block * sizes.rowsABlock;
  let end = min(first + sizes.rowsABlock, sizes.rows);
  for (var row = 0u; row < sizes.height; row++) {
    var sum = Item(0.0);
    for (var i = first; i < end; i++) {
      if (ids[i] == i32(row)) {
        sum += x[i * sizes.width + column];
      }
    }
    output[(block * sizes.height + row) * sizes.width + column] = sum;
  }
}

/// Sums of blocks of rows, [blocks, d]; firstRow is the first block's number. One invocation an item column of a block.
@compute @workgroup_size(GROUP)
fn reduceRows(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let column = group.x * GROUP + id;
  if (column >= sizes.width) {
    return;
  }
  let first = group.y * sizes.rowsABlock;
  let end = min(first + sizes.rowsABlock, sizes.rows);
  var sum = Item(0.0);
  for (var row = first; row < end; row++) {
    sum += x[row * sizes.width + column];
  }
  output[(sizes.firstRow + group.y) * sizes.width + column] = sum;
}

/// The first of the largest of every row. Element numbers are exact in f32 below 2^24.
@compute @workgroup_size(GROUP)
fn argmaxRows(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) id: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= sizes.rows) {
    return;
  }
  let start = row * sizes.width;
  var top = -3.4e38;
  for (var i = id; i < sizes.width; i += GROUP) {
    top = max(top, largest(x[start + i]));
  }
  let peak = teamMax(top, id);
  var place = 3.4e38;
  for (var i = id; i < sizes.width; i += GROUP) {
    let found = select(Item(3.4e38), Item(places(i * ITEM)), x[start + i] == Item(peak));
    place = min(place, -largest(-found));
  }
  let best = teamMin(place, id);
  if (id == 0u) {
    largestPlaces[row] = select(0, i32(best), best < 3.0e38);
  }
}
