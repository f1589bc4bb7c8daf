/** Seeded random numbers: xoshiro128** (Blackman and Vigna), seeded by splitmix32. The state fits into a checkpoint. */
export class Random {
  readonly #words: Uint32Array;

  constructor(seed: number) {
    this.#words = new Uint32Array(4);
    let state = seed >>> 0;
    for (let i = 0; i < 4; i++) {
      state = (state + 0x9e3779b9) >>> 0;
      let z = state;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      this.#words[i] = z ^ (z >>> 16);
    }
  }

  static from(state: readonly number[]): Random {
    const random = new Random(0);
    random.#words.set(state.slice(0, 4));
    return random;
  }

  state(): number[] {
    return [...this.#words];
  }

  /** 32 random bits. */
  bits(): number {
    const [a = 0, b = 0, c = 0, d = 0] = this.#words;
    const scrambled = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const third = c ^ a;
    const fourth = d ^ b;
    this.#words.set([a ^ fourth, b ^ third, third ^ (b << 9), rotate(fourth, 11)]);
    return scrambled;
  }

  /** Uniform in [0, 1). */
  uniform(): number {
    return this.bits() / 2 ** 32;
  }

  /** Uniform in 0 .. n - 1. */
  integer(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** Standard normal, by Box and Muller. */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  /** Fisher and Yates, in place. */
  shuffle(list: number[] | Int32Array): void {
    for (let i = list.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const kept = list[i] ?? 0;
      list[i] = list[j] ?? 0;
      list[j] = kept;
    }
  }
}

function rotate(x: number, by: number): number {
  return (x << by) | (x >>> (32 - by));
}
