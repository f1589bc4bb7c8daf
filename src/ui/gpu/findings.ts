import type { CaseResult, GpuReport, KernelSpeeds } from '../../state/gpuTest.ts';

/** Browsers that tell of finished work later than this make every short measurement coarse. */
const LATE_MILLISECONDS = 20;

/** Two digits where there are few, none where there are many. */
export const speed = (value: number): string => (value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString('en'));
export const errorWords = (error: number): string => (Number.isFinite(error) ? error.toExponential(1) : 'no number');

/** Cases that differ by more than they may, or that did not run. */
export function wrongCases({ cases, tolerance }: GpuReport): readonly CaseResult[] {
  return cases.filter(({ error }) => !(error < tolerance));
}

export function worstCase({ cases }: GpuReport): CaseResult | undefined {
  return cases.toSorted((a, b) => b.error - a.error)[0];
}

/** What a test says in a sentence or two. */
export function verdict(report: GpuReport): { readonly good: boolean; readonly words: string } {
  const { missing, adapter, fault, selfCheck, cases, allCases, gflops, cpu } = report;
  if (missing !== undefined) return { good: false, words: `There is no GPU to test. ${missing}` };
  const wrong = wrongCases(report).length;
  if (wrong > 0)
    return {
      good: false,
      words: `${wrong} of ${cases.length} operations are wrong on this GPU. Train on the CPU engine, and please report this.`,
    };
  if (selfCheck?.wrong !== undefined)
    return { good: false, words: `The studio does not train on this GPU: ${selfCheck.wrong} Please report this.` };
  if (fault !== undefined) return { good: false, words: `The test ended early: ${fault} Please report this.` };
  if (cases.length < allCases || gflops === undefined || cpu === undefined)
    return { good: false, words: `Stopped. ${cases.length} of ${allCases} operations were checked, and all of them are right.` };
  const right = `All ${cases.length} operations are right.`;
  const speeds = `${speed(gflops)} GFLOP/s at matrix products, the CPU engine ${speed(cpu.gflops)}`;
  if (adapter?.software === true)
    return { good: true, words: `${right} The adapter is a software one, a processor that plays a GPU: ${speeds}.` };
  if (gflops < cpu.gflops) return { good: true, words: `${right} But the GPU is slower than the CPU: ${speeds}. Choose the CPU engine.` };
  return { good: true, words: `${right} The GPU is ${speed(gflops / cpu.gflops)} times as fast as the CPU: ${speeds}.` };
}

/** Things that make a GPU slow, or its measurements coarse. */
export function slowness({ completionMilliseconds, kernels }: GpuReport): readonly string[] {
  const notes: string[] = [];
  if (completionMilliseconds !== undefined && completionMilliseconds > LATE_MILLISECONDS)
    notes.push(`This browser tells of finished work only every ${Math.round(completionMilliseconds)} ms, so speeds are coarse.`);
  const refused = kernels.flatMap(({ product, gflops }) =>
    gflops.flatMap(([kernel, value]) => (value === undefined ? [`${kernel} for ${product}`] : [])),
  );
  if (refused.length > 0) notes.push(`Kernels that this GPU refuses: ${refused.join('; ')}.`);
  return notes;
}

const kernelLine = ({ product, chosen, gflops }: KernelSpeeds): string =>
  `- ${product}: ${gflops.map(([kernel, value]) => `${kernel}${kernel === chosen ? ' (chosen)' : ''}: ${value === undefined ? 'refused' : speed(value)}`).join('; ')}`;

/** Of the page and its browser, for the text to report. */
export interface Surroundings {
  readonly browser: string;
  readonly isolated: boolean;
  readonly cores: number;
}

/** Everything that was found, to be pasted into an issue: Markdown. */
export function reportText(report: GpuReport, { browser, isolated, cores }: Surroundings): string {
  const { version, date, adapter, engine, completionMilliseconds, cases, allCases, gflops, gigabytesPerSecond, cpu, kernels, seconds } =
    report;
  const wrong = wrongCases(report);
  const worst = worstCase(report);
  const lines = [
    `**Test of a GPU**, WID Studio ${version}, ${date}`,
    '',
    verdict(report).words,
    '',
    `- Browser: ${browser}`,
    `- Page: ${isolated ? 'isolated' : 'not isolated'}, ${cores} logical cores`,
  ];
  if (adapter !== undefined) {
    const { vendor, architecture, device, description, software, subgroups, features } = adapter;
    const named = [vendor, architecture, device, description].map((word) => (word === '' ? '(empty)' : word)).join(' / ');
    lines.push(
      `- Adapter: ${named}${software ? ', software' : ''}; subgroups ${subgroups.join(' to ')}`,
      `- Engine: ${engine ?? 'could not be made'}`,
      `- Features: ${features.join(', ')}`,
      `- Tells of finished work after ${completionMilliseconds?.toFixed(1) ?? '?'} ms`,
      `- Operations: ${cases.length} of ${allCases} checked, ${wrong.length} wrong${worst === undefined ? '' : `, worst ${errorWords(worst.error)} (${worst.name})`}`,
    );
  }
  if (report.selfCheck !== undefined)
    lines.push(`- Check before training: ${report.selfCheck.wrong ?? 'right'}, ${report.selfCheck.milliseconds.toFixed(0)} ms`);
  if (gflops !== undefined) lines.push(`- Speed at f32 products: ${speed(gflops)} GFLOP/s`);
  if (gigabytesPerSecond !== undefined) lines.push(`- Memory: ${speed(gigabytesPerSecond)} GB/s`);
  if (cpu !== undefined) lines.push(`- CPU engine: ${speed(cpu.gflops)} GFLOP/s (${cpu.detail})`);
  lines.push(`- The test took ${seconds.toFixed(0)} s`);
  if (report.fault !== undefined) lines.push(`- Ended early: ${report.fault}`);
  for (const { name, error, fault } of wrong)
    lines.push(`- WRONG: ${name}: ${errorWords(error)}${fault === undefined ? '' : `: ${fault}`}`);
  if (kernels.length > 0) lines.push('', 'Matrix kernels, GFLOP/s:', '', ...kernels.map(kernelLine));
  if (adapter !== undefined)
    lines.push(
      '',
      '<details><summary>Limits, and errors by operation</summary>',
      '',
      adapter.limits.map(([name, value]) => `${name} ${value}`).join(', '),
      '',
      ...cases.map(({ name, error }) => `- ${name}: ${errorWords(error)}`),
      '',
      '</details>',
    );
  return `${lines.join('\n')}\n`;
}
