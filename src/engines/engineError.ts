import { StudioError } from '../tensor/studioError.ts';

/** An engine that cannot do what it was asked: unknown names, wrong lengths, no memory. */
export class EngineError extends StudioError {
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}) {
    super('engine', message, details);
  }
}
