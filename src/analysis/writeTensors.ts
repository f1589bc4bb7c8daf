import type { Program } from '../engines/engine.ts';
import { StudioError } from '../tensor/studioError.ts';
import type { NamedTensors } from '../tensor/tensor.ts';

/** Writes a model's tensors into a program's states of the same names. @throws StudioError if one is missing */
export function writeTensors(program: Program, names: readonly string[], { tensors }: { readonly tensors: NamedTensors }): void {
  for (const name of names) {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new StudioError('checkpoint', `analysis: the model has no tensor ${name}.`);
    program.write(name, tensor.data);
  }
}
