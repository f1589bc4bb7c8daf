import { StudioError } from '../../tensor/studioError.ts';

/** An ONNX file that is damaged, or whose weights cannot be told. */
export class OnnxError extends StudioError {
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}) {
    super('onnx', `onnx: ${message}`, details);
  }
}
