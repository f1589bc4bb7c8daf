/** Threads that this machine runs at once, by the browser's word or Node's. */
export function defaultThreads(): number {
  if (typeof navigator !== 'undefined' && typeof navigator.hardwareConcurrency === 'number')
    return Math.max(1, navigator.hardwareConcurrency);
  return process.getBuiltinModule('node:os').availableParallelism();
}
