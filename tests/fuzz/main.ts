import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import type { FuzzNews, FuzzOrder } from './fuzzThread.ts';

/** A case that takes longer has lost its bound on time. */
const MOST_SECONDS = 30;
/** Inputs are under a megabyte. */
const MOST_MEMORY = 1500;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    only: { type: 'string', default: '' },
  },
});
const order: FuzzOrder = {
  seed: Number(values.seed),
  seconds: Number(values.seconds),
  only: values.only,
  clock: new SharedArrayBuffer(4),
};
if (!(order.seconds > 0) || !Number.isInteger(order.seed)) {
  console.error('fuzz: expected --seconds above 0 and a whole --seed.');
  process.exit(2);
}
console.log(`Fuzzing for ${order.seconds} s, --seed ${order.seed}`);

const clock = new Int32Array(order.clock);
// The thread loads its programs first.
Atomics.store(clock, 0, -1);
const failures = new Map<string, number>();
const worker = new Worker(new URL('thread.mjs', import.meta.url), { workerData: order });

let seen = -1;
let since = performance.now();
const watch = setInterval(() => {
  const now = Atomics.load(clock, 0);
  if (now !== seen || now < 0) {
    seen = now;
    since = performance.now();
  } else if (performance.now() - since > 1000 * MOST_SECONDS) {
    console.error(`fuzz: case ${now} of --seed ${order.seed} has not ended within ${MOST_SECONDS} s.`);
    process.exit(1);
  }
}, 500);

worker.on('error', (error: unknown) => {
  console.error(
    `fuzz: case ${Atomics.load(clock, 0)} of --seed ${order.seed} ended the thread: ${error instanceof Error ? error.message : String(error)}`,
  );
  process.exit(1);
});
worker.on('message', (news: FuzzNews) => {
  if (news.kind === 'failure') {
    const key = `${news.target}: ${news.error.split('\n').slice(0, 2).join(' ')}`;
    const times = (failures.get(key) ?? 0) + 1;
    failures.set(key, times);
    if (times > 1) return;
    const file = join(tmpdir(), `wid-fuzz-${order.seed}-${news.number}`);
    writeFileSync(file, news.bytes);
    console.error(`${news.target}, case ${news.number}, input in ${file}\n${news.error}\n`);
    return;
  }
  clearInterval(watch);
  const memory = process.resourceUsage().maxRSS / 1024;
  let cases = 0;
  for (const [name, tried, refused, slowest] of news.counts) {
    cases += tried;
    console.log(
      `${name.padEnd(20)} ${String(tried).padStart(8)} cases, ${String(refused).padStart(8)} refused, slowest ${slowest.toFixed(0)} ms`,
    );
  }
  console.log(`${cases} cases, ${failures.size} kinds of failure, at most ${memory.toFixed(0)} MiB of memory`);
  if (memory > MOST_MEMORY) console.error(`fuzz: expected at most ${MOST_MEMORY} MiB of memory.`);
  process.exit(failures.size === 0 && memory <= MOST_MEMORY && cases > 0 ? 0 : 1);
});
