import { KERNELS } from './built/kernels.ts';

export type KernelFile = keyof typeof KERNELS;

/** A compute shader: its whole WGSL, and where it starts. Equal texts share a pipeline. */
export interface Shader {
  /** For labels and messages. */
  readonly name: string;
  readonly code: string;
  readonly entry: string;
}

/**
 * Joins WGSL files behind their constants.
 * @param constants u32 constants by name
 * @param names what to write in place of these capitalised words
 */
export function shaderOf(
  files: readonly KernelFile[],
  entry: string,
  constants: Readonly<Record<string, number>>,
  subgroups: boolean,
  names: Readonly<Record<string, string>> = {},
): Shader {
  const lines = Object.entries(constants).map(([name, value]) => `const ${name} = ${value}u;`);
  const text = [...(subgroups ? ['enable subgroups;'] : []), ...lines, ...files.map((file) => KERNELS[file])].join('\n');
  const code = Object.entries(names).reduce((result, [name, word]) => result.replaceAll(new RegExp(`\\b${name}\\b`, 'g'), word), text);
  return { name: entry, code, entry };
}
