import { InvalidArgumentError } from 'commander';

/** What the terminal's exit code tells a script. */
export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** What the user gave is wrong: one sentence and the cure. */
export class UsageError extends Error {}

/** Session errors that are nobody's fault but the machine's or ours; every other code speaks of what was given. */
const FAILURES: ReadonlySet<string> = new Set([
  'diverged',
  'engine',
  'graph',
  'training',
  'calibration',
  'export',
  'verification',
  'device',
  'network',
  'device-lost',
  'wrong-numbers',
  'webgpu',
]);

/** The exit code of an error, by its stable code. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  if (!(error instanceof Error) || !('code' in error) || !('details' in error)) return EXIT.failed;
  if (error.code === 'stopped') return EXIT.interrupted;
  return FAILURES.has(String(error.code)) ? EXIT.failed : EXIT.usage;
}

/** A parser of whole numbers from `least` to `most`, for commander. */
export function whole(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least} up` : `from ${least} to ${most}`;
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isInteger(value) || value < least || value > most)
      throw new InvalidArgumentError(`Expected a whole number ${range}, got ${text}.`);
    return value;
  };
}

/** A positive number, for commander. */
export function positive(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError(`Expected a number above 0, got ${text}.`);
  return value;
}

/** A number from 0 up, for commander. */
export function notNegative(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new InvalidArgumentError(`Expected a number from 0 up, got ${text}.`);
  return value;
}
