import { sizeInWords } from '../tensor/bytes.ts';
import type { PlanReport, StepCost } from '../studio/api/cost.ts';
import type { OnnxFileReport, OnnxLatency } from '../studio/api/exporting.ts';
import type { ModelShape } from '../studio/api/recipe.ts';
import type { HeldOut, StudioEvent } from '../studio/api/run.ts';

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
export const millions = (count: number): string => `${(count / 1e6).toFixed(count < 1e6 ? 3 : 2)} M`;
export const grouped = (count: number): string => Math.round(count).toLocaleString('en');
export const clock = (seconds: number): string => {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
};
export const shapeInWords = ({ layers, hiddenSize, heads, headSize, intermediateSize }: ModelShape): string =>
  `${layers} layers, width ${hiddenSize} = ${heads} heads x ${headSize}, FFN ${intermediateSize}`;

export function costLines(cost: PlanReport): string[] {
  const ratio = cost.teacherMultiplyAddsPerToken / cost.multiplyAddsPerToken;
  return [
    `Parameters: ${millions(cost.parameters)} of the teacher's ${millions(cost.teacherParameters)} (${percent(cost.parameters / cost.teacherParameters)})`,
    `Weights: ${sizeInWords(cost.bytesFp32)} in fp32, ${sizeInWords(cost.bytesFp16)} in fp16, ${sizeInWords(cost.bytesInt8)} in int8`,
    `Multiply-adds a token: ${millions(cost.multiplyAddsPerToken)} (the teacher's is ${ratio.toFixed(1)} times that)`,
  ];
}

export function phaseLine({ phase, steps, bytes, flops }: StepCost): string {
  return `Training, ${phase}: ${steps} steps of ${(flops / 1e9).toPrecision(3)} GFLOP in ${sizeInWords(bytes)} of memory`;
}

/** The first of many names. */
export const some = (names: readonly string[]): string =>
  names.length === 0 ? 'none' : names.length <= 6 ? names.join(', ') : `${names.slice(0, 6).join(', ')} and ${names.length - 6} more`;

function bar(done: number, total: number): string {
  const filled = Math.round((24 * done) / Math.max(1, total));
  return `${'#'.repeat(filled)}${'.'.repeat(24 - filled)}`;
}

export function heldOutLine(name: string, value: HeldOut): string {
  return `${name}: held-out loss ${value.loss.toFixed(3)}, accuracy ${percent(value.accuracy)}`;
}

const milliseconds = (latency: OnnxLatency | null): string =>
  latency === null
    ? ''
    : `, ${latency.median.toFixed(1)} ms (p95 ${latency.p95.toFixed(1)}) for ${latency.batch} x ${latency.length} tokens`;

/** What is known of an exported ONNX file, or why it is not there. */
export function onnxLine({ path, output, bytes, largestDifference, heldOut, latency, withheld }: OnnxFileReport): string {
  if (withheld !== null) return `${path} is withheld: ${withheld}`;
  const judged =
    heldOut === null
      ? ''
      : `, held-out accuracy ${percent(heldOut.accuracy)} (${percent(heldOut.engineAccuracy)} in the engine, ${heldOut.tokens} tokens)`;
  return `${path}: ${sizeInWords(bytes)}, largest difference of ${output} ${largestDifference.toExponential(1)}${judged}${milliseconds(latency)}`;
}

/** Nothing after the first step of a phase, which also warms kernels up and is not timed. */
function paceOf({ tokensPerSecond, secondsLeft }: StudioEvent & { readonly kind: 'step' }): string {
  return tokensPerSecond === 0 ? '' : `  ${grouped(tokensPerSecond)} tokens/s  ${clock(secondsLeft)} left`;
}

function line(event: StudioEvent): string {
  if (event.kind === 'begun') return `${event.name} begins`;
  if (event.kind === 'onnxFile') return onnxLine(event.file);
  if (event.kind === 'progress' && event.unit === 'bytes')
    return `${event.stage} ${bar(event.done, event.total)} ${sizeInWords(event.done)} of ${sizeInWords(event.total)}`;
  if (event.kind === 'progress') return `${event.stage} ${bar(event.done, event.total)} ${event.done}/${event.total}`;
  if (event.kind === 'heldOut') return heldOutLine(event.model === 'teacher' ? 'Teacher' : `Student at step ${event.step}`, event.value);
  if (event.kind === 'similarity')
    return `Attention similarity at step ${event.step}: ${event.value.mean.toFixed(3)} (chance ${event.value.chance.toFixed(3)})`;
  if (event.kind === 'norms') return `Norms of ${event.spaces.length} spaces at step ${event.step}`;
  if (event.kind === 'kept') return `Checkpoint of step ${event.step} kept`;
  if (event.kind === 'notKept') return `Checkpoint of step ${event.step} could not be kept: ${event.reason}`;
  if (event.kind === 'engineChanged')
    return `Going on from step ${event.step} on ${event.engine.name} (${event.engine.detail}): ${event.reason}`;
  if (event.kind === 'engineDiffers') return event.reason;
  return `${event.phase} ${bar(event.step, event.steps)} ${event.step}/${event.steps}  loss ${event.loss.toFixed(3)}${paceOf(event)}`;
}

/** Events whose line stays; the others are a bar that the next one overwrites. */
const STANDING: ReadonlySet<StudioEvent['kind']> = new Set(['heldOut', 'notKept', 'onnxFile', 'engineChanged', 'engineDiffers']);

/** Where the terminal's words go. With `--json`, stdout holds a line of JSON an event and nothing else. */
export interface Report {
  /** For people; nothing under `--json`. */
  say(text: string): void;
  /** For programs; nothing without `--json`. */
  fact(kind: string, value: object): void;
  readonly event: (event: StudioEvent) => void;
}

export function createReport(json: boolean): Report {
  if (json)
    return {
      say: () => {},
      fact: (kind, value) => console.log(JSON.stringify({ kind, ...value })),
      event: (event) => console.log(JSON.stringify(event)),
    };
  const { stdout } = process;
  let open = false;
  let lastLine = '';
  // What is written after a bar starts on a line of its own.
  const close = (): void => {
    if (open) stdout.write('\n');
    open = false;
  };
  return {
    say: (text) => {
      close();
      console.log(text);
    },
    fact: () => {},
    event: (event) => {
      if (event.kind === 'kept' || event.kind === 'norms') return;
      const rewrites = !STANDING.has(event.kind);
      if (stdout.isTTY) {
        const text = line(event);
        if (rewrites) {
          // A line that wraps cannot be rewritten; some terminals say that they have 0 columns.
          stdout.write(`${open ? '\r\u001B[K' : ''}${text.slice(0, (stdout.columns || 80) - 1)}`);
          open = true;
        } else {
          close();
          stdout.write(`${text}\n`);
        }
      } else if (!rewrites || worthALine(event)) {
        const text = line(event);
        // Work that is done in two parts says at the end of both that all is done.
        if (text !== lastLine) console.log(text);
        lastLine = text;
      }
    },
  };
}

/** A log file wants tens of lines, not thousands. */
function worthALine(event: StudioEvent): boolean {
  if (event.kind === 'progress') return event.done === event.total;
  return event.kind === 'step' && (event.step === event.steps || event.step % Math.max(1, Math.ceil(event.steps / 20)) === 0);
}
