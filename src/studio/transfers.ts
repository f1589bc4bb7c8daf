import { transferHandlers, type TransferHandler } from 'comlink';
import { StudioError } from '../tensor/studioError.ts';
import type { StudioFault } from './api/fault.ts';

/** What comlink hands to its `throw` handler. */
interface Thrown {
  readonly value: unknown;
}

function faultOf(error: unknown): StudioFault {
  if (error instanceof StudioError) {
    try {
      return { code: error.code, message: error.message, details: structuredClone(error.details) };
    } catch {
      return { code: error.code, message: error.message, details: {} };
    }
  }
  return { code: 'unknown', message: error instanceof Error ? error.message : String(error), details: {} };
}

/** comlink's own handler. @throws StudioError if this version of it has none of the name */
function ownHandler(name: string): TransferHandler<unknown, unknown> {
  const own = transferHandlers.get(name);
  if (own === undefined) throw new StudioError('comlink', `comlink: expected a handler called ${name}, got none. Reinstall the packages.`);
  return own;
}

/**
 * Makes errors cross comlink with code and details (its own handler keeps only the message), and any function that is an
 * argument of a verb callable from the other side, without a mark at each call. Call on both sides.
 */
export function installTransfers(): void {
  const own = ownHandler('throw');
  transferHandlers.set('listener', { ...ownHandler('proxy'), canHandle: (value) => typeof value === 'function' });
  const handler: TransferHandler<Thrown, StudioFault> = {
    canHandle: (value): value is Thrown => own.canHandle(value),
    serialize: ({ value }) => [faultOf(value), []],
    deserialize: ({ code, message, details }) => {
      throw new StudioError(code, message, details);
    },
  };
  transferHandlers.set('throw', handler);
}
