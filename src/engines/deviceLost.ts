import { StudioError } from '../tensor/studioError.ts';

/**
 * The device under an engine is gone: the driver was reset, the adapter unplugged, or the browser took it back. Every
 * program of that engine is gone with it; the engine must be disposed and another made.
 */
export class DeviceLostError extends StudioError {
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}) {
    super('device-lost', message, details);
  }
}
