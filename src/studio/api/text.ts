/** What the user said about a text. */
export interface TextWish {
  /** Tokens per packed sequence. */
  readonly sequence: number;
  /** Of the held-out split. */
  readonly seed: number;
  /** Column of a table, or field of JSON records, that holds the text; chosen by name and content if not given. */
  readonly column?: string;
}

/** A token as training sees it; with `answer`, it is to be predicted. */
export type TextExample = readonly { readonly token: string; readonly answer?: string }[];

/** What arrived as text, after tokenisation. */
export interface TextReport {
  readonly name: string;
  readonly files: number;
  readonly bytes: number;
  readonly documents: number;
  readonly tokens: number;
  readonly trainSequences: number;
  readonly heldOutSequences: number;
  /** Tokens per packed sequence. */
  readonly sequence: number;
  /** Share of unknown tokens, 0 to 1. */
  readonly unknownShare: number;
  /** Documents by their length in tokens, `from` <= length < `to`, in rising order. */
  readonly lengths: readonly { readonly from: number; readonly to: number; readonly documents: number }[];
  /** The start of one training sequence with its masking. */
  readonly example: TextExample;
  /** Of the first file that has columns or fields, or null. */
  readonly columns: { readonly names: readonly string[]; readonly chosen: string } | null;
  /** Sentences about what was left out or looks wrong. */
  readonly notices: readonly string[];
}
