import { shownValue } from '../tensor/shown.ts';
import { StudioError } from '../tensor/studioError.ts';

/** Activations that the engines have, by the names of Hugging Face's `hidden_act`. */
const ACTIVATIONS = ['gelu', 'gelu_new', 'gelu_pytorch_tanh', 'relu'] as const;
export type HiddenActivation = (typeof ACTIVATIONS)[number];
/** The same functions by the names of other implementations of them. */
const ALIASES: ReadonlyMap<unknown, HiddenActivation> = new Map([
  ['gelu_python', 'gelu'],
  ['gelu_fast', 'gelu_pytorch_tanh'],
  ['gelu_accurate', 'gelu_pytorch_tanh'],
]);

/** Far beyond any encoder: a hostile file must not ask for more names and numbers than memory holds. */
export const MOST = { layers: 1000, width: 2 ** 17, rows: 2 ** 24 } as const;

/** The settings of a `config.json`, read with checks; what is absent takes the default that the family names. */
export class Settings {
  readonly #found: ReadonlyMap<string, unknown>;

  /** @throws StudioError if it is not an object */
  constructor(json: unknown) {
    if (typeof json !== 'object' || json === null || Array.isArray(json))
      throw new StudioError('config', 'config.json: expected an object of settings. Take the file that came with the checkpoint.');
    this.#found = new Map<string, unknown>(Object.entries(json));
  }

  get(name: string): unknown {
    return this.#found.get(name);
  }

  whole(name: string, otherwise: number, most: number, least = 1): number {
    const value = this.#found.get(name) ?? otherwise;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most)
      throw new StudioError('config', `config.json: ${name} — expected a whole number from ${least} to ${most}, got ${shownValue(value)}.`);
    return value;
  }

  real(name: string, otherwise: number): number {
    const value = this.#found.get(name) ?? otherwise;
    if (typeof value !== 'number' || !Number.isFinite(value))
      throw new StudioError('config', `config.json: ${name} — expected a number, got ${shownValue(value)}.`);
    return value;
  }
  activation(name: string, otherwise: HiddenActivation): HiddenActivation {
    const value = this.#found.get(name) ?? otherwise;
    const known = ALIASES.get(value) ?? ACTIVATIONS.find((one) => one === value);
    if (known === undefined)
      throw new StudioError('config', `config.json: ${name} — expected one of ${ACTIVATIONS.join(', ')}, got ${shownValue(value)}.`);
    return known;
  }
}
