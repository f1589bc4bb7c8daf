import type { StudioFault } from '../studio/api/fault.ts';

/** Any thrown value as the fault that people see. */
export function toFault(error: unknown): StudioFault {
  if (!(error instanceof Error)) return { code: 'unknown', message: String(error), details: {} };
  const code: unknown = Reflect.get(error, 'code');
  const details: unknown = Reflect.get(error, 'details');
  return {
    code: typeof code === 'string' ? code : 'unknown',
    message: error.message,
    details: typeof details === 'object' && details !== null ? { ...details } : {},
  };
}
