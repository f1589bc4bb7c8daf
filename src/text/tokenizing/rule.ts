import { StudioError } from '../../tensor/studioError.ts';

/** A part of a `tokenizer.json`, as it came. */
export type Rule = Readonly<Record<string, unknown>>;

export function isRule(value: unknown): value is Rule {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** @throws StudioError `tokenizer`, always */
export function refuse(what: string, expected: string, got: string, cure = "Take the teacher's original file."): never {
  throw new StudioError('tokenizer', `tokenizer.json: ${what} — expected ${expected}, got ${got}. ${cure}`);
}

/** @throws StudioError if a rule is of a kind that is not read */
export function unknownKind(room: string, rule: unknown): never {
  return refuse(
    room,
    'a rule that is read',
    JSON.stringify(isRule(rule) ? rule['type'] : rule) ?? 'none',
    'Save the tokenizer with another rule, or choose another teacher.',
  );
}
