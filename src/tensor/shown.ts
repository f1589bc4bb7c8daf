/** Longer than any tensor's name that a model of ours has. */
const LONGEST = 120;

/**
 * A name from a file, fit to be shown and written: control characters, line ends and the marks that turn text around
 * become `?`, and what is too long is cut in its middle.
 */
export function shownName(name: string): string {
  const head = name.slice(0, 4 * LONGEST);
  // The joiners of Persian and Indic words are marks of format, too, and do no harm.
  const clean = head.replace(/(?![\u200C\u200D])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\uFFFE\uFFFF]/gu, '?');
  if (clean.length <= LONGEST && head.length === name.length) return clean;
  return `${clean.slice(0, LONGEST / 2)}…${clean.slice(-LONGEST / 2 + 1)}`;
}

/** A value from a file in a message: short, whatever it is, however deep. */
export function shownValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(shownName(value));
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value === 'function') return 'a function';
  return String(value);
}
