/** Small facts about this machine that are worth keeping: measured speeds, the kernels that won. Losing them costs time only. */
export interface Remembered {
  recall(key: string): Promise<string | undefined>;
  /**
   * Changes a fact while nobody else does, in this program or another.
   * @param make the fact from what is known now, which may be another's by then
   * @returns the fact
   */
  remember(key: string, make: (known: string | undefined) => string): Promise<string>;
}

/** For the life of the process. */
export class RememberedHere implements Remembered {
  readonly #facts = new Map<string, string>();

  recall(key: string): Promise<string | undefined> {
    return Promise.resolve(this.#facts.get(key));
  }

  remember(key: string, make: (known: string | undefined) => string): Promise<string> {
    const fact = make(this.#facts.get(key));
    this.#facts.set(key, fact);
    return Promise.resolve(fact);
  }
}
