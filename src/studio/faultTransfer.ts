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

/** Makes errors cross comlink with code and details; its own handler keeps only the message. Call on both sides. */
export function installFaultTransfer(): void {
  const own = transferHandlers.get('throw');
  if (own === undefined) throw new StudioError('comlink', 'comlink: expected a throw handler, got none. Reinstall the packages.');
  const handler: TransferHandler<Thrown, StudioFault> = {
    canHandle: (value): value is Thrown => own.canHandle(value),
    serialize: ({ value }) => [faultOf(value), []],
    deserialize: ({ code, message, details }) => {
      throw new StudioError(code, message, details);
    },
  };
  transferHandlers.set('throw', handler);
}
