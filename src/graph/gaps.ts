/** Free memory above `base`, as sorted gaps; the end is open. */
export class Gaps {
  #gaps: { start: number; bytes: number }[] = [];
  #end: number;
  peak: number;

  constructor(base: number) {
    this.#end = base;
    this.peak = base;
  }

  take(bytes: number): number {
    let best = -1;
    this.#gaps.forEach((gap, index) => {
      const smallest = this.#gaps[best]?.bytes ?? Infinity;
      if (gap.bytes >= bytes && gap.bytes < smallest) best = index;
    });
    const gap = this.#gaps[best];
    if (gap !== undefined) {
      if (gap.bytes === bytes) this.#gaps.splice(best, 1);
      else this.#gaps[best] = { start: gap.start + bytes, bytes: gap.bytes - bytes };
      return gap.start;
    }
    const start = this.#end;
    this.#end += bytes;
    this.peak = Math.max(this.peak, this.#end);
    return start;
  }

  /** How much the peak would rise if this many bytes were taken. */
  growthOf(bytes: number): number {
    return this.#gaps.some((gap) => gap.bytes >= bytes) ? 0 : Math.max(0, this.#end + bytes - this.peak);
  }

  give(start: number, bytes: number): void {
    const merged: { start: number; bytes: number }[] = [];
    for (const gap of [...this.#gaps, { start, bytes }].toSorted((a, b) => a.start - b.start)) {
      const last = merged.at(-1);
      if (last !== undefined && last.start + last.bytes === gap.start) last.bytes += gap.bytes;
      else merged.push({ ...gap });
    }
    const tail = merged.at(-1);
    if (tail !== undefined && tail.start + tail.bytes === this.#end) {
      merged.pop();
      this.#end = tail.start;
    }
    this.#gaps = merged;
  }
}
