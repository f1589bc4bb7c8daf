import type { Settings } from '../settings/settings.ts';

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

/** How a teacher's vocabulary is cut by a text: as the settings of the same names say. */
export type VocabularyWish = Pick<Settings, 'vocabulary' | 'vocabularyText'>;

/** What a cut did to a teacher's vocabulary. Sizes are counts of tokens. */
export interface VocabularyCut extends VocabularyWish {
  /** The whole vocabulary. */
  readonly before: number;
  readonly after: number;
  /** The text that it was cut by; missing if it was cut to the tokens of a student. */
  readonly by?: CutText;
  /** Parameters of the teacher with its whole vocabulary. */
  readonly parametersBefore: number;
  /** SHA-256 of the teacher with its whole vocabulary. */
  readonly of: string;
}

/** A text in the whole vocabulary that it cut. */
export interface CutText extends TextCounts {
  /** Distinct tokens that the text uses. */
  readonly used: number;
  /** The same, with the tokens that every text needs. */
  readonly ofText: number;
  /** Share of the text's tokens that stay as they are, 0 to 1; the rest is spelt in smaller pieces. */
  readonly covered: number;
}

/** What a vocabulary makes of a text. */
export interface TextCounts {
  /** What stands between spaces. */
  readonly words: number;
  readonly tokens: number;
  /** Share of unknown tokens, 0 to 1. */
  readonly unknownShare: number;
}

/** What the user said about a text. */
export interface TextWish {
  /** Tokens per packed sequence. */
  readonly sequence: number;
  /** Of the held-out split. */
  readonly seed: number;
  /** How documents lie in sequences; joined if not given. The sentences of a teacher for sentence vectors lie apart. */
  readonly documents?: DocumentsWish;
  /** Column of a table, or field of JSON records, that holds the text; chosen by name and content if not given. */
  readonly column?: string;
  /** Cuts the teacher's vocabulary first, or takes it whole again; the teacher stays as it is if not given. */
  readonly cut?: VocabularyWish;
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
  /** What stands between spaces. Missing in reports of builds that did not count them. */
  readonly words?: number;
  /** Missing if the vocabulary is whole. */
  readonly cut?: VocabularyCut;
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
