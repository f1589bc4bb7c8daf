import type { Remembered } from '../../remembered.ts';
import type { MatmulTile } from '../matmul/form.ts';

/** What is known of a product on this adapter. */
export interface KnownTiles {
  /** The kernel that is taken, by {@link tileName}. */
  readonly chosen?: string;
  /** Kernels under which the device was lost. */
  readonly lost?: readonly string[];
}

/** The oldest go first; a training step has a few dozen. */
const MOST_PRODUCTS = 1000;

/** Equal tiles have equal names. */
export function tileName(tile: MatmulTile): string {
  return JSON.stringify(tile, Object.keys(tile).toSorted());
}

/** The kernels that won on one adapter, product by product, kept as one remembered text. */
export class TileMemory {
  readonly #remembered: Remembered;
  readonly #key: string;

  /** @param adapter adapter, driver and browser in words: what is measured on one is worth nothing on another */
  constructor(remembered: Remembered, adapter: string) {
    this.#remembered = remembered;
    this.#key = `matmul kernels of ${adapter}`;
  }

  /** Everything known; nothing where the text is damaged. Names are as found: whoever takes one checks it. */
  async recall(): Promise<ReadonlyMap<string, KnownTiles>> {
    return parse(await this.#remembered.recall(this.#key));
  }

  /**
   * Adds to what is known by now. Where another session has chosen a kernel meanwhile, its choice stands: both go on with it.
   *
   * @param usable whether a choice that was found names a kernel that this build could take
   * @returns everything known; without a kernel that was lost meanwhile
   */
  async remember(
    products: ReadonlyMap<string, KnownTiles>,
    usable: (product: string, name: string) => boolean,
  ): Promise<ReadonlyMap<string, KnownTiles>> {
    if (products.size === 0) return new Map();
    const text = await this.#remembered.remember(this.#key, (known) => {
      const all = parse(known);
      for (const [product, { chosen: ours, lost: newlyLost = [] }] of products) {
        const { chosen: theirs, lost: longLost = [] } = all.get(product) ?? {};
        const lost = [...new Set([...longLost, ...newlyLost])];
        const chosen = theirs !== undefined && usable(product, theirs) && !lost.includes(theirs) ? theirs : ours;
        // Again at the end: what is in use is not the oldest.
        all.delete(product);
        all.set(product, {
          ...(chosen === undefined || lost.includes(chosen) ? {} : { chosen }),
          ...(lost.length === 0 ? {} : { lost }),
        });
      }
      return JSON.stringify(Object.fromEntries([...all].slice(-MOST_PRODUCTS)));
    });
    return parse(text);
  }
}

function parse(text: string | undefined): Map<string, KnownTiles> {
  const known = new Map<string, KnownTiles>();
  if (text === undefined) return known;
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    return known;
  }
  if (typeof found !== 'object' || found === null) return known;
  for (const [product, value] of Object.entries(found)) {
    const entry: unknown = value;
    if (typeof entry !== 'object' || entry === null) continue;
    const chosen: unknown = 'chosen' in entry ? entry.chosen : undefined;
    const lost: unknown = 'lost' in entry ? entry.lost : undefined;
    known.set(product, {
      ...(typeof chosen === 'string' ? { chosen } : {}),
      ...(Array.isArray(lost) ? { lost: lost.filter((name) => typeof name === 'string') } : {}),
    });
  }
  return known;
}
