/** Of this program, as `package.json` has it: `run.json` and the model card name it. */
export const STUDIO_VERSION = '0.2.0';
