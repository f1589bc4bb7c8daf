/** Largest |a - b| over the largest |b|. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let worst = 0;
  let size = 0;
  for (let i = 0; i < b.length; i++) {
    worst = Math.max(worst, Math.abs((a[i] ?? Number.NaN) - (b[i] ?? 0)));
    size = Math.max(size, Math.abs(b[i] ?? 0));
    if (Number.isNaN(a[i])) return Infinity;
  }
  return size === 0 ? worst : worst / size;
}
