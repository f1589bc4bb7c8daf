/** Token ids that grow as they are read: one array, doubled when full. */
export class TokenStore {
  #data = new Int32Array(1 << 16);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  append(ids: readonly number[]): void {
    const needed = this.#length + ids.length;
    if (needed > this.#data.length) {
      const grown = new Int32Array(Math.max(needed, 2 * this.#data.length));
      grown.set(this.#data.subarray(0, this.#length));
      this.#data = grown;
    }
    this.#data.set(ids, this.#length);
    this.#length = needed;
  }

  /** Ids [from, to), not copied. */
  slice(from: number, to: number): Int32Array {
    return this.#data.subarray(from, to);
  }
}
