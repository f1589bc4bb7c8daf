import type { GivenFile } from './files.ts';
import type { RunSummary } from './history.ts';
import type { Beginnings } from './recipe.ts';
import type { TeacherReport } from './teacher.ts';
import type { TextReport, TextWish } from './text.ts';

/** A text as the user gave it, to be read again when the teacher, the sequence length or the column changes. */
export interface GivenText {
  readonly name: string;
  readonly files: readonly GivenFile[];
  readonly column?: string;
}

/** A teacher that has just been read. */
export interface OpenedTeacher {
  readonly report: TeacherReport;
  readonly beginnings: Beginnings;
}

/** What the files that were opened hold. `teacher` is null if the one before stays; `readsText`: a text is read next. */
export interface Arrival {
  readonly teacher: OpenedTeacher | null;
  readonly readsText: boolean;
}

/** How a text is to be packed; undefined = nobody knows, since there is no teacher. */
export type WishFor = (arrival: Arrival) => Promise<Omit<TextWish, 'column'> | undefined>;

/** What was read; null if there was none of it. */
export interface Opened {
  readonly teacher: OpenedTeacher | null;
  readonly text: (GivenText & { readonly report: TextReport }) | null;
  /** Given if the files are a job that PyTorch trained: it is in the history now. */
  readonly run?: RunSummary;
}
