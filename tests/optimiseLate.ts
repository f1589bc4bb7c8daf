/**
 * A switch of V8: optimise a WebAssembly function only after it has run about a hundred times longer than usual. A test opens
 * onnxruntime-web for some milliseconds of work, and V8 would spend seconds of processor time on optimising its functions. The
 * code that runs and its results are the same. Benchmarks do without this switch.
 */
export const OPTIMISE_LATE = '--wasm-tiering-budget=200000000';

/** The same switch for Chromium. */
export const BROWSER_OPTIMISES_LATE = `--js-flags=${OPTIMISE_LATE}`;
