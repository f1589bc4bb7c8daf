// `npm run bench`: our engines beside their rivals on this machine. Every result is checked before it is timed.
import { writeFileSync } from 'node:fs';
import { arch, cpus, platform } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { takeSoftwareGpu } from '../../tests/engines/softwareGpu.ts';
import { ReferenceEngine } from '../../src/engines/reference/referenceEngine.ts';
import { WasmEngine } from '../../src/engines/wasm/wasmEngine.ts';
import { openBrowserStage } from './browserBooths.ts';
import { contenders, UNTUNED } from './contenders/list.ts';
import { trainingStep } from './contenders/own.ts';
import { Contest } from './contest.ts';
import { nodeBooth } from './nodeBooths.ts';
import { BATCH, BATCHED, flopsOf, GEMMS, nameOf, relativeDifference, type Problem } from './problems.ts';
import { runPytorch } from './pytorch.ts';
import { middle, table, type Row } from './report.ts';
import { sharesOf, sharesTable } from './shares.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    host: { type: 'string' },
    contender: { type: 'string' },
    threads: { type: 'string', default: String(Math.min(2, cpus().length)) },
    rounds: { type: 'string', default: '5' },
    slice: { type: 'string', default: '400' },
    python: { type: 'string', default: process.env['WID_PYTHON'] ?? 'python3' },
    'cpu-only': { type: 'boolean', default: false },
    'software-gpu': { type: 'boolean', default: false },
    json: { type: 'string', default: 'bench.json' },
    profile: { type: 'boolean', default: false },
    'gpu-profile': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const HELP = `npm run bench -- [options]
  --only KIND        fma, gemm, batched, forward or step; several with commas (default: all)
  --host HOST        browser, node or pytorch (default: all)
  --contender TEXT   contenders whose name holds TEXT, or one of several with commas, and ours
  --threads N        CPU threads of those that can be told (default: 2)
  --rounds N         rounds; contenders take turns in each (default: 5)
  --slice MS         time of one contender in one round (default: 400)
  --python PATH      a Python that may have torch (default: WID_PYTHON, python3)
  --cpu-only         leave WebGPU out
  --software-gpu     run WebGPU on Chromium's software GPU, in Node too: minutes, and no measure of a GPU
  --json FILE        where the numbers go (default: bench.json)
  --profile          where a training step's time goes on the CPU engine, instead
  --gpu-profile      the same on the WebGPU engine in Node, by the GPU's own clock, and how much of a step it is busy`;

/** What the others are compared with. */
const OURS = 'WID Studio cpu';
const KINDS: readonly Problem['kind'][] = ['fma', 'gemm', 'batched', 'forward', 'step'];

/** The whole step in small against float64, since no rival of the same kind is sure to be here. */
async function checkStep(): Promise<void> {
  const small = { batch: 1, sequence: 16, slots: 3 };
  const losses: ArrayLike<number>[] = [];
  for (const engine of [new ReferenceEngine(), await WasmEngine.create(Number(values.threads))]) {
    const job = await trainingStep(engine, small);
    losses.push(await job.output());
    job.dispose();
    engine.dispose();
  }
  const [truth = [], ours = []] = losses;
  const error = relativeDifference(ours, truth);
  if (!(error < 1e-5)) throw new Error(`bench: losses of the CPU engine are ${error} from the reference engine's. Nothing was timed.`);
  console.log(`Losses of three small training steps: ${error.toExponential(1)} from the float64 reference.`);
}

async function main(): Promise<void> {
  if (values.help) {
    console.log(HELP);
    return;
  }
  if (values.profile) {
    const { profileStep } = await import('./profile.ts');
    return profileStep(Number(values.threads));
  }
  // Dawn in Node finds no software GPU by itself.
  if (values['software-gpu']) await takeSoftwareGpu();
  if (values['gpu-profile']) {
    const { profileGpuStep } = await import('./gpuProfile.ts');
    return profileGpuStep();
  }
  const kinds = KINDS.filter((kind) => values.only === undefined || values.only.split(',').includes(kind));
  const hosts = ['browser', 'node', 'pytorch'].filter((host) => values.host === undefined || values.host === host);
  if (kinds.length === 0 || hosts.length === 0) throw new Error(`bench: unknown choice.\n${HELP}`);
  const problems = kinds.flatMap((kind): readonly Problem[] => {
    if (kind === 'gemm') return GEMMS;
    return kind === 'batched' ? BATCHED : [{ kind }];
  });
  const names = [...contenders({ wasm: () => Promise.resolve(), webgpu: () => Promise.resolve() }).keys()].filter(
    (name) =>
      !(values['cpu-only'] && name.includes('webgpu')) &&
      (name !== UNTUNED || values.contender?.includes('untuned') === true) &&
      (name === OURS || values.contender === undefined || values.contender.split(',').some((part) => name.includes(part))),
  );
  const threads = Number(values.threads);
  const slice = Number(values.slice);
  const machine = `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${cpus().length} cores, ${platform()} ${arch()}`;
  console.log(machine);
  await checkStep();

  const contest = new Contest(problems, threads, Number(values.rounds), slice);
  const rows: Row[] = [];
  if (hosts.includes('browser')) {
    const stage = await openBrowserStage(values['software-gpu']);
    try {
      rows.push(...(await contest.hold(stage.host, names, OURS, (name) => stage.booth(name))));
    } finally {
      await stage.close();
    }
  }
  if (hosts.includes('node')) {
    rows.push(...(await contest.hold(`Node ${process.versions.node}`, names, OURS, (name) => Promise.resolve(nodeBooth(name)))));
  }
  if (hosts.includes('pytorch')) rows.push(...(await pytorchRows(problems, rows, threads, slice)));
  console.log(`\n${table(rows)}\n`);
  const shares = sharesOf(rows);
  if (shares.length > 0) console.log(`${sharesTable(shares)}\n`);
  const record = {
    date: new Date().toISOString(),
    machine,
    threads,
    gigaflops: Object.fromEntries(problems.map((problem) => [nameOf(problem), flopsOf(problem) / 1e9])),
    rows,
    shares,
  };
  const file = resolve(process.env['INIT_CWD'] ?? '.', values.json);
  writeFileSync(file, `${JSON.stringify(record, null, 2)}\n`);
  console.log(`Wrote ${file}.`);
  process.exit(0);
}

/** PyTorch beside our numbers in Node: it has no browser to run in. */
async function pytorchRows(problems: readonly Problem[], measured: readonly Row[], threads: number, slice: number): Promise<Row[]> {
  const result = runPytorch(values.python, threads, 5 * slice);
  if (result === null) {
    console.warn(`SKIPPED PyTorch: ${values.python} has no torch. Name one with --python or WID_PYTHON.`);
    return [];
  }
  const engine = await WasmEngine.create(threads);
  const losses = await (await trainingStep(engine, BATCH)).output();
  engine.dispose();
  const error = relativeDifference(losses, result.losses);
  if (!(error < 1e-4)) throw new Error(`bench: our losses ${Array.from(losses).join(', ')}, PyTorch's ${result.losses.join(', ')}.`);
  const ours = (problem: Problem): Row | undefined =>
    measured.find((row) => row.contender === OURS && row.host.startsWith('Node') && row.problem === problem);
  return problems.flatMap((problem): Row[] => {
    const samples = problem.kind === 'step' ? result.step : result.products[GEMMS.findIndex((gemm) => gemm === problem)];
    if (samples === undefined) return [];
    const median = middle(samples);
    const own = ours(problem);
    return [
      {
        host: `PyTorch ${result.version}`,
        contender: 'PyTorch cpu',
        detail: `${threads} threads`,
        problem,
        median,
        best: Math.min(...samples),
        timesOurs: own === undefined ? null : median / own.median,
        error: problem.kind === 'step' ? error : 0,
      },
    ];
  });
}

await main();
