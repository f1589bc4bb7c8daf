/** Numbers as people read them. */
export const whole = (value: number): string => Math.round(value).toLocaleString('en');
export const millions = (value: number): string => `${(value / 1e6).toFixed(2)}M`;
export const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;

export function duration(seconds: number): string {
  const left = Math.max(0, Math.round(seconds));
  if (left >= 3600) return `${Math.floor(left / 3600)} h ${Math.floor((left % 3600) / 60)} min`;
  return left >= 60 ? `${Math.floor(left / 60)} min ${left % 60} s` : `${left} s`;
}

/** Short forms of large counts: 94.7k, 4.81M. */
export function compact(value: number): string {
  if (value < 10_000) return whole(value);
  if (value < 1e6) return `${(value / 1e3).toFixed(value < 1e5 ? 1 : 0)}k`;
  return value < 1e9 ? `${(value / 1e6).toFixed(2)}M` : `${(value / 1e9).toFixed(2)}G`;
}

export function stepTime(seconds: number): string {
  if (seconds < 0.1) return `${(1000 * seconds).toFixed(seconds < 0.01 ? 1 : 0)} ms`;
  return `${seconds.toFixed(seconds < 10 ? 2 : 0)} s`;
}
