import { EngineError } from './engineError.ts';

/** A device has no room for a program. Whoever knows what the program is for can say what would take less. */
export class OutOfMemoryError extends EngineError {}
