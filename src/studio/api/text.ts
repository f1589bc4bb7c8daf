/** How documents lie in sequences: each apart, with its own [CLS] and [SEP], or joined to running text. */
export type DocumentsForm = 'apart' | 'joined';

/** What is wished for; `auto` is the form in which the teacher predicts better. */
export type DocumentsWish = DocumentsForm | 'auto';

/** The same masked tokens of the same documents, predicted by the teacher in both forms. */
export interface DocumentsMeasured {
  readonly answers: number;
  /** Shares that it predicts right, 0 to 1. */
  readonly apart: number;
  readonly joined: number;
  /** Joined, unless apart is better by more than two standard errors. */
  readonly better: DocumentsForm;
}

/** How a text was packed. */
export interface TextPacking {
  readonly documents: DocumentsForm;
  readonly wish: DocumentsWish;
  /** Null if it was not asked for, or could not be measured. */
  readonly measured: DocumentsMeasured | null;
}

/** What the user said about a text. */
export interface TextWish {
  /** Tokens per packed sequence. */
  readonly sequence: number;
  /** Of the held-out split. */
  readonly seed: number;
  /** How documents lie in sequences; joined if not given. */
  readonly documents?: DocumentsWish;
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
  /** Missing in reports of builds that joined all documents. */
  readonly packing?: TextPacking;
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
