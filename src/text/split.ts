import { Random } from '../tensor/random.ts';

/** Share of the tokens that is held out. */
const HELD_OUT_SHARE = 0.1;
/** The most that is held out, where pieces are large. */
const MOST_HELD_OUT = 2 * HELD_OUT_SHARE;
const BLOCK_SHARE = HELD_OUT_SHARE / 2;
/** The largest piece that stays whole: none is passed over before a block's share is held out. */
const MOST_WHOLE = MOST_HELD_OUT - BLOCK_SHARE;

/** Whether one of the pieces of a text is too large a share of it to be held out whole. @param ends as of {@link withoutLongPieces} */
export function hasLongPieces(ends: readonly number[]): boolean {
  const tokens = ends.at(-1) ?? 0;
  return ends.some((end, index) => end - (ends[index - 1] ?? 0) > MOST_WHOLE * tokens);
}

/**
 * Ends of the pieces of a text with those that are too large a share of it cut into blocks: held out whole, one of them
 * would leave little to train on.
 *
 * @param ends of pieces in tokens, ascending, the last one the text's   @param shortest block, in tokens
 */
export function withoutLongPieces(ends: readonly number[], shortest: number): number[] {
  const tokens = ends.at(-1) ?? 0;
  return ends.flatMap((end, index) => {
    const start = ends[index - 1] ?? 0;
    const size = end - start;
    if (size <= MOST_WHOLE * tokens) return [end];
    const blocks = Math.max(1, Math.floor(size / Math.max(shortest, BLOCK_SHARE * tokens)));
    return Array.from({ length: blocks }, (_, block) => start + Math.round(((block + 1) * size) / blocks));
  });
}

/**
 * Pieces in seeded order until a tenth of the tokens is held out, without those that would make it more than a fifth; at
 * least one is held out and one stays.
 */
export function heldOutPieces(ends: readonly number[], seed: number): Set<number> {
  const tokens = ends.at(-1) ?? 0;
  const order = ends.map((_, index) => index);
  new Random(seed).shuffle(order);
  const held = new Set<number>();
  let heldTokens = 0;
  for (const index of order) {
    if (held.size > 0 && heldTokens >= HELD_OUT_SHARE * tokens) break;
    if (held.size === order.length - 1) break;
    const size = (ends[index] ?? 0) - (ends[index - 1] ?? 0);
    if (held.size > 0 && heldTokens + size > MOST_HELD_OUT * tokens) continue;
    held.add(index);
    heldTokens += size;
  }
  return held;
}
