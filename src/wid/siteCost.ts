import type { BertConfig } from '../models/config.ts';
import { blueprintOf, spaceWidths } from '../models/blueprint.ts';
import { EMBEDDINGS, linearSites, siteName, type Site } from './compactors.ts';
import { tableWidth, type SpaceTable } from './spaces.ts';

/** Rows of activations that one optimiser step sends through the model. */
export interface StepRows {
  /** Tokens. */
  readonly tokens: number;
  /** Predicted tokens: what the transform and the decoder see. */
  readonly slots: number;
}

/** Multiplications of one step, forward and backward, by where a matrix meets its compactors. */
export interface SiteCost {
  /** W' = R W L once, then x W'^T. */
  readonly merged: number;
  /** R (W (L x)), nothing merged. */
  readonly applied: number;
}

const product = (shape: readonly number[]): number => shape.reduce((total, n) => total * n, 1);

export function studentOutput({ rowShape }: Site): number {
  return rowShape.length === 3 ? (rowShape[0] ?? 1) * (rowShape[1] ?? 1) : (rowShape[0] ?? 1);
}

export function studentInput({ columnShape }: Site): number {
  return columnShape.length === 3 ? (columnShape[0] ?? 1) * (columnShape[2] ?? 1) : (columnShape[1] ?? 1);
}

/** Multiplications of (R W) L and of R (W L), each one forward merge; head blocks touch only their own head. */
export function mergeCosts(site: Site): { readonly rowsFirst: number; readonly columnsFirst: number } {
  const rows = (columns: number): number => product(site.rowShape) * columns;
  const columns = (height: number): number => product(site.columnShape) * height;
  return {
    rowsFirst: rows(site.input) + columns(studentOutput(site)),
    columnsFirst: columns(site.output) + rows(studentInput(site)),
  };
}

/**
 * A product whose two operands both need a gradient costs three products in all, one with a constant operand two.
 *
 * @param rows activations that the layer sees in one optimiser step
 * @param learns whether the teacher's own weight gets a gradient
 */
export function siteCost(site: Site, rows: number, learns: boolean): SiteCost {
  const { rowsFirst, columnsFirst } = mergeCosts(site);
  const inner = site.output * site.input;
  // The association that merges R first multiplies R W, whose W may be constant; the other one W L.
  const firstProduct = rowsFirst <= columnsFirst ? product(site.rowShape) * site.input : product(site.columnShape) * site.output;
  const merge = 3 * Math.min(rowsFirst, columnsFirst) - (learns ? 0 : firstProduct);
  return {
    merged: merge + 3 * rows * studentOutput(site) * studentInput(site),
    applied: rows * (3 * product(site.columnShape) + 3 * product(site.rowShape) + (learns ? 3 : 2) * inner),
  };
}

/** Where a matrix and its compactors meet, by site; `embeddings` and `decoder` stand for the tables. */
export type SitePlan = ReadonlyMap<string, 'merged' | 'applied'>;

/**
 * Chooses matrix by matrix what costs fewer multiplications in one optimiser step (docs/method.md section 3): merging, which is
 * paid once however many rows there are, or sending the rows through the compactors.
 */
export function chooseSites(config: BertConfig, table: SpaceTable, { tokens, slots }: StepRows, learns: boolean): SitePlan {
  const plan = new Map<string, 'merged' | 'applied'>();
  const choose = (site: string, { merged, applied }: SiteCost): void => void plan.set(site, applied < merged ? 'applied' : 'merged');
  for (const site of linearSites(table)) choose(site.site, siteCost(site, site.role === 'transform' ? slots : tokens, learns));
  const tables = tableCosts(config, table, { tokens, slots }, learns);
  if (blueprintOf(config).find('decoder') === undefined) {
    choose(EMBEDDINGS, tables.embeddings);
    return plan;
  }
  if (table.tied) {
    // One table serves both: merging it for the decoder makes the lookup free, and the other way round.
    const both = { merged: tables.embeddings.merged + tables.decoder.merged, applied: tables.embeddings.applied + tables.decoder.applied };
    choose(EMBEDDINGS, both);
    choose(siteName('decoder'), both);
  } else {
    choose(EMBEDDINGS, tables.embeddings);
    choose(siteName('decoder'), tables.decoder);
  }
  return plan;
}

/** The embedding lookup needs only the batch's rows where it is applied; the decoder works at the teacher's width there. */
export function tableCosts(
  config: BertConfig,
  table: SpaceTable,
  { tokens, slots }: StepRows,
  learns: boolean,
): { readonly embeddings: SiteCost; readonly decoder: SiteCost } {
  const d = tableWidth(table.teacher);
  const ours = tableWidth(table.student);
  const widths = spaceWidths(config);
  const height = blueprintOf(config).tables.reduce((rows, { reads }) => rows + widths[reads], 0);
  const twice = learns ? 3 : 2;
  // A tied table is merged once for lookup and decoder together: its cost stands with the lookup.
  const decoderMerge = table.tied ? 0 : twice * config.vocabSize * d * ours;
  return {
    embeddings: { merged: twice * height * d * ours, applied: twice * tokens * d * ours },
    decoder: {
      merged: decoderMerge + 3 * slots * ours * config.vocabSize,
      applied: slots * (3 * ours * d + twice * d * config.vocabSize),
    },
  };
}
