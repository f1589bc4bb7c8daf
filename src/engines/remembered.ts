/** Small facts about this machine that are worth keeping: measured speeds, the kernels that won. Losing them costs time only. */
export interface Remembered {
  recall(key: string): Promise<string | undefined>;
  remember(key: string, value: string): Promise<void>;
}

/** For the life of the process. */
export class RememberedHere implements Remembered {
  readonly #facts = new Map<string, string>();

  recall(key: string): Promise<string | undefined> {
    return Promise.resolve(this.#facts.get(key));
  }

  remember(key: string, value: string): Promise<void> {
    this.#facts.set(key, value);
    return Promise.resolve();
  }
}
