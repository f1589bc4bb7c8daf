import type { ModelShape } from '../api/recipe.ts';
import type { TeacherReport } from '../api/teacher.ts';

/** What a default may follow from: the teacher. */
export type TeacherTraits = Pick<TeacherReport, 'shape' | 'maxPositions' | 'tiedDecoder' | 'task'>;

/** A value, or how it follows from the teacher and the student's shape. */
export type Default<Value> = Value | ((teacher: TeacherTraits, student: ModelShape) => Value);

/** What every setting of a recipe says of itself, whatever its kind. */
interface Common<Value> {
  /** Its name on the page. */
  readonly label: string;
  /** What errors and lists of differences call it, if that is not its field's name in words. */
  readonly noun?: string;
  /** `Task.name` of the only task that reads it; every task does if left out. */
  readonly task?: string;
  /** Shown with the first fields; the others stand under "More options". */
  readonly first?: true;
  /** The page has a control of its own for it, outside the fields of training. */
  readonly apart?: true;
  readonly default: Default<Value>;
  /** What builds did that did not know it yet: not today's default, but the value that gives the same run. */
  readonly earlier?: Value;
  /** The terminal's option, as commander reads it. */
  readonly option?: string;
  /** The option in words; a default that is one value is added to it. */
  readonly help?: string;
}

/** One number. Legal values are finite, and lie from `least` to `most`. */
export interface NumberSetting extends Common<number> {
  readonly kind: 'number';
  readonly least: number;
  /** `least` itself is not legal. */
  readonly above?: true;
  /** The value with which a step takes the least memory, if this setting decides over much of it. */
  readonly lean?: number;
  /** `positions`: as many as the teacher knows; no limit if left out. */
  readonly most?: number | 'positions';
  readonly whole?: true;
}

/** One of a few words; `words` has the page's text for each. */
export interface ChoiceSetting extends Common<string> {
  readonly kind: 'choice';
  readonly words: Readonly<Record<string, string>>;
}

/** Yes or no. */
export interface SwitchSetting extends Common<boolean> {
  readonly kind: 'switch';
  /** The words for the option that says no, `--no-...`; there is none if left out. */
  readonly noHelp?: string;
}

export type Setting = NumberSetting | ChoiceSetting | SwitchSetting;

/** The record that a table of settings describes. */
export type ValuesOf<Table extends Readonly<Record<string, Setting>>> = {
  readonly [Name in keyof Table]: Table[Name] extends NumberSetting
    ? number
    : Table[Name] extends SwitchSetting
      ? boolean
      : Table[Name] extends { readonly words: infer Words }
        ? keyof Words & string
        : never;
};

/** The names of a table's settings of one kind, in its order. */
export type NamesOf<Table, Kind extends Setting['kind']> = {
  [Name in keyof Table]: Table[Name] extends { readonly kind: Kind } ? Name : never;
}[keyof Table];

export function namesOf<Table extends Readonly<Record<string, Setting>>, Kind extends Setting['kind']>(
  table: Table,
  kind: Kind,
): (NamesOf<Table, Kind> & string)[] {
  return Object.keys(table).filter((name): name is NamesOf<Table, Kind> & string => table[name]?.kind === kind);
}

/** What a table's settings are if nothing else is said. */
export function defaultsOf<Table extends Readonly<Record<string, Setting>>>(
  table: Table,
  teacher: TeacherTraits,
  student: ModelShape,
): ValuesOf<Table> {
  const values: object = Object.fromEntries(
    Object.entries(table).map(([name, setting]) => {
      const usual = setting.default;
      return [name, typeof usual === 'function' ? usual(teacher, student) : usual];
    }),
  );
  const isWhole = (given: object): given is ValuesOf<Table> => Object.keys(table).every((name) => name in given);
  if (!isWhole(values)) throw new TypeError('settings: a default is missing.');
  return values;
}

/** Settings that were not there from the beginning. */
export type LaterNames<Table> = {
  [Name in keyof Table]: Table[Name] extends { readonly earlier: unknown } ? Name : never;
}[keyof Table];

/** What builds did that did not know a table's later settings. */
export function earlierOf<Table extends Readonly<Record<string, Setting>>>(table: Table): Pick<ValuesOf<Table>, LaterNames<Table>> {
  const later = Object.entries(table).filter(([, { earlier }]) => earlier !== undefined);
  const values: object = Object.fromEntries(later.map(([name, { earlier }]) => [name, earlier]));
  const isWhole = (given: object): given is Pick<ValuesOf<Table>, LaterNames<Table>> => later.every(([name]) => name in given);
  if (!isWhole(values)) throw new TypeError('settings: an earlier value is missing.');
  return values;
}

/** `polishLearningRate` as `polish learning rate`. */
export function fieldInWords(field: string): string {
  return field.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

const mostOf = ({ most = Number.POSITIVE_INFINITY }: NumberSetting, positions: number): number => (most === 'positions' ? positions : most);

/** @param positions that the teacher knows; no limit as long as there is no teacher */
export function isLegal(setting: Setting, value: unknown, positions = Number.POSITIVE_INFINITY): boolean {
  switch (setting.kind) {
    case 'choice':
      return typeof value === 'string' && Object.hasOwn(setting.words, value);
    case 'switch':
      return typeof value === 'boolean';
    case 'number': {
      const { least, above, whole } = setting;
      if (typeof value !== 'number' || !Number.isFinite(value) || (whole === true && !Number.isSafeInteger(value))) return false;
      return (above === true ? value > least : value >= least) && value <= mostOf(setting, positions);
    }
  }
}

/** The legal values in words, as errors say them: `expected ...`. */
export function legalInWords(setting: Setting, positions = Number.POSITIVE_INFINITY): string {
  switch (setting.kind) {
    case 'choice':
      return Object.keys(setting.words).join(', ');
    case 'switch':
      return 'true or false';
    case 'number': {
      const most = mostOf(setting, positions);
      const range = `a ${setting.whole === true ? 'whole ' : ''}number ${setting.above === true ? 'above' : 'from'} ${setting.least}`;
      if (!Number.isFinite(most)) return range;
      return `${range} to ${most}${setting.most === 'positions' ? ", the teacher's positions" : ''}`;
    }
  }
}

/** The legal number nearest to one that was typed; undefined if there is none, next to a limit that is not legal itself. */
export function nearestNumber(setting: NumberSetting, typed: number, positions = Number.POSITIVE_INFINITY): number | undefined {
  const value = Math.min(mostOf(setting, positions), Math.max(setting.least, setting.whole === true ? Math.round(typed) : typed));
  return isLegal(setting, value, positions) ? value : undefined;
}
