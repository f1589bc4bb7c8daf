import { StudioError } from '../tensor/studioError.ts';

/** A device computes other numbers than the reference engine: no run may use it. */
export class WrongNumbersError extends StudioError {
  /**
   * @param what is wrong: `THING — expected X, got Y`
   * @param device adapter, driver, and what WebGPU runs in, for whoever the fault is reported to
   */
  constructor(what: string, device: string) {
    super(
      'wrong-numbers',
      `webgpu: this GPU computes wrongly: ${what}. Use the CPU engine (--engine cpu in the terminal), or update the graphics driver or the browser. Please report this message; the device is ${device}.`,
      { what, device },
    );
  }
}
