import type { Activation } from '../../../graph/operation.ts';

/**
 * How an operand is loaded: `depth` four at a time along k, `side` four at a time along m (A) or n (B), `single` one by
 * one at any strides. The vectors need strides and starts that are whole vectors.
 */
export type Load = 'depth' | 'side' | 'single';

/** Where the values of A and B come from while a tile is summed. */
export type Method =
  /** Each invocation loads its own. */
  | 'registers'
  /** The lanes of a quad share their rows: each loads a quarter of A, and they exchange it. */
  | 'quad'
  /** The workgroup loads both into its memory, a slab of `depth` at a time. */
  | 'workgroup';

/** A kernel's shape. */
export interface MatmulTile {
  readonly method: Method;
  /** Sums of one invocation; columns are a multiple of 4, and a quad's rows of 16. */
  readonly rows: number;
  readonly columns: number;
  readonly threadsX: number;
  readonly threadsY: number;
  /** Steps of k that one load of workgroup memory holds; `workgroup` only. */
  readonly depth: number;
  /** Steps of k that a round of a quad's loop takes, where k is a multiple of it; four where it is not named. */
  readonly steps?: 4 | 8;
  /** Parts along k that are summed side by side and added up afterwards, for products with few sums; one where it is not named. */
  readonly split?: number;
}

/** What a kernel must fit: layouts, and what follows the product. */
export interface MatmulForm {
  readonly a: Load;
  readonly b: Load;
  /** Whether an operand is stored in half precision; it is widened as it is loaded, and all arithmetic is float32. */
  readonly halfA: boolean;
  readonly halfB: boolean;
  /** Whether rows of C are whole vectors of four. */
  readonly vectorC: boolean;
  /** Steps of k that loops may take at once: k is a multiple of it. */
  readonly stride: 1 | 4 | 8;
  readonly bias: boolean;
  readonly addend: boolean;
  /** Adds to what C holds. */
  readonly accumulate: boolean;
  readonly activation: Activation;
}
