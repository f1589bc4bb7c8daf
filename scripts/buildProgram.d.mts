export function buildProgram(folder: string, options?: readonly string[]): void;
