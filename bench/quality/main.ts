// `npm run quality`: trains every way to a student on the demo teacher and prose, and writes docs/results/quality.md.
// Runs that are stored are skipped, so the table can be completed over several sittings.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { planned, type Cell } from './cells.ts';
import { curves } from './curves.ts';
import { entrants, page } from './page.ts';
import { ResultFile } from './results.ts';
import { Runner } from './runner.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Budget whose curves the page shows. */
const CURVES_AT = 300;
const CLAIMS = join(ROOT, 'node_modules/.cache/quality');

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: join(ROOT, 'docs/results') },
    runs: { type: 'string', default: join(ROOT, 'bench/results/quality.jsonl') },
    only: { type: 'string' },
    workers: { type: 'string', default: '1' },
    minutes: { type: 'string' },
    page: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    worker: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(`npm run quality -- [options]
  --only PATTERN  only runs whose name holds this regular expression, as in half-100 or '(prune|distil)-'
  --workers N     processes of one thread each (default: 1)
  --minutes N     start no further run after N minutes
  --list          name the missing runs, train nothing
  --page          write docs/results/quality.md from what is stored, train nothing
  --out DIR       folder of the page (default: docs/results)
  --runs FILE     the runs, a line each (default: bench/results/quality.jsonl)`);
  process.exit(0);
}

const out = resolve(values.out);
const stored = new ResultFile(resolve(values.runs));

/** Runs that are planned by now and neither stored nor, with `free`, claimed by a living process. */
function missing(): Cell[] {
  const results = stored.all();
  const done = new Set(results.map(({ cell }) => cell.id));
  return planned(results).filter(({ id }) => !done.has(id) && (values.only === undefined || new RegExp(values.only).test(id)));
}

/** Marks a run as this process's. The mark of a process that is gone counts for nothing. */
function claim(id: string): boolean {
  mkdirSync(CLAIMS, { recursive: true });
  const path = join(CLAIMS, id);
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    const owner = Number(readFileSync(path, 'utf8'));
    if (owner === process.pid || isAlive(owner)) return false;
    rmSync(path);
    return claim(id);
  }
}

function isAlive(process_: number): boolean {
  try {
    process.kill(process_, 0);
    return true;
  } catch {
    return false;
  }
}

function writePage(): void {
  const teacher = stored.teacher();
  if (teacher === undefined) return;
  const why = join(out, 'quality/why.md');
  const results = stored.all();
  const drawn = curves(CURVES_AT, (shape, variant) => entrants(results, shape, CURVES_AT, 1).get(variant));
  writeFileSync(join(out, 'quality/curves.svg'), drawn);
  writeFileSync(join(out, 'quality.md'), page(results, teacher, existsSync(why) ? readFileSync(why, 'utf8') : ''));
}

async function work(): Promise<void> {
  const until = values.minutes === undefined ? Number.POSITIVE_INFINITY : performance.now() + 60_000 * Number(values.minutes);
  const runner = await Runner.create();
  if (stored.teacher() === undefined && claim('teacher')) await stored.write(await runner.teacher());
  while (performance.now() < until) {
    // Planned anew every time: results found meanwhile choose the rates of later runs.
    const cell = missing().find(({ id }) => claim(id));
    if (cell === undefined) break;
    const result = await runner.run(cell);
    await stored.write(result);
    rmSync(join(CLAIMS, cell.id));
    const { start, training } = result.seconds;
    console.log(
      `${cell.id}: loss ${result.untrained.loss.mean.toFixed(3)} -> ${result.loss.mean.toFixed(3)}, accuracy ${(100 * result.accuracy.mean).toFixed(1)} %, ${start.toFixed(0)} + ${training.toFixed(0)} CPU s`,
    );
  }
}

if (values.list) for (const { id } of missing()) console.log(id);
else if (values.page) writePage();
else if (values.worker || values.workers === '1') await work();
else
  await Promise.all(
    Array.from(
      { length: Number(values.workers) },
      () =>
        new Promise((done) => {
          const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1), '--worker'], { stdio: 'inherit' });
          for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
          child.on('exit', done);
        }),
    ),
  );
if (!values.worker && !values.list) writePage();
process.exit();
