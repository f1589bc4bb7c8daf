/**
 * Switches of V8 for the tests. A test opens onnxruntime-web for some milliseconds of work, and V8 would spend seconds of processor
 * time on optimising its functions: 1.5 s for one of them, in every process. So a function of WebAssembly is optimised only after it
 * has run some 500 times longer than usual, and one thread collects garbage. The code that runs and its results are the same.
 * Benchmarks do without these switches.
 */
export const OPTIMISE_LATE = ['--wasm-tiering-budget=1000000000', '--single-threaded-gc'] as const;

/** The same switches for Chromium. */
export const BROWSER_OPTIMISES_LATE = `--js-flags=${OPTIMISE_LATE.join(' ')}`;
