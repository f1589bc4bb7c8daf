// A team of threads walks the same program; every thread takes its share of each instruction.
// Control block: +0 arrived, +4 generation, +8 epoch, +12 quit, +16 program, +20 program end, +24 team size,
// +64 one f64 a thread for reductions.

const SPINS: i32 = 4000;
const PARTIALS: usize = 64;

export let thread: i32 = 0;
export let threads: i32 = 1;
export let control: usize = 0;
export let workspace: usize = 0;

export function join(myThread: i32, teamSize: i32, controlBlock: usize, myWorkspace: usize): void {
  thread = myThread;
  threads = teamSize;
  control = controlBlock;
  workspace = myWorkspace;
}

/** First element of this thread's share of n, in multiples of `grain`. */
export function shareStart(n: i32, grain: i32): i32 {
  const grains = (n + grain - 1) / grain;
  return min(n, <i32>((<i64>grains * thread) / threads) * grain);
}

export function shareEnd(n: i32, grain: i32): i32 {
  const grains = (n + grain - 1) / grain;
  return min(n, <i32>((<i64>grains * (thread + 1)) / threads) * grain);
}

// The two loops below are alike, and must not share a function that is given the word's address: where the address of a
// wait is a local variable, V8's first-tier compiler (seen in Node 20) sleeps on another one, and the team never wakes.

/** Nobody goes on before all have arrived. */
export function barrier(): void {
  if (!ASC_FEATURE_THREADS) return;
  if (threads == 1) return;
  const generation = atomic.load<i32>(control, 4);
  if (atomic.add<i32>(control, 1) == threads - 1) {
    atomic.store<i32>(control, 0);
    atomic.add<i32>(control, 1, 4);
    atomic.notify(control + 4, threads);
    return;
  }
  let spins = 0;
  while (atomic.load<i32>(control, 4) == generation) {
    if (++spins > SPINS) atomic.wait<i32>(control + 4, generation, -1);
  }
}

/** Returns once the epoch is another than `seen`. Spins a few microseconds, then sleeps: pauses between steps are long. */
export function waitForEpoch(seen: i32): void {
  let spins = 0;
  while (atomic.load<i32>(control, 8) == seen) {
    if (++spins > SPINS) atomic.wait<i32>(control + 8, seen, -1);
  }
}

/** The sum of every thread's number, the same on all. */
export function sumOverTeam(mine: f64): f64 {
  store<f64>(control + PARTIALS + ((<usize>thread) << 3), mine);
  barrier();
  let sum: f64 = 0;
  for (let t = 0; t < threads; t++) sum += load<f64>(control + PARTIALS + ((<usize>t) << 3));
  barrier();
  return sum;
}
