import { useEffect } from 'react';
import { useGpuTest, type GpuReport, type GpuTester } from '../../state/gpuTest.ts';
import { Brand } from '../Brand.tsx';
import { CopyText } from '../CopyText.tsx';
import { ThemeButton } from '../ThemeButton.tsx';
import { errorWords, reportText, slowness, speed, verdict, wrongCases } from './findings.ts';

/** A page of its own: what this browser's GPU computes, how fast, and a text that tells others. */
export function GpuTestPage({ tester }: { readonly tester: GpuTester }): React.JSX.Element {
  const { going, progress, findings, fault } = useGpuTest();
  useEffect(() => {
    document.title = 'Test this GPU · WID Studio';
    document.body.dataset['state'] = 'empty';
  }, []);
  return (
    <>
      <header className="top">
        <Brand />
        <span className="grow" />
        <ThemeButton />
      </header>
      <main id="main" className="gpu" tabIndex={-1}>
        <h1>Test this GPU</h1>
        <p>
          Compares every operation of training on this browser&apos;s GPU with a slow reference, times the matrix kernels, and measures GPU
          and CPU. It takes less than a minute on most machines. Nothing is sent anywhere.
        </p>
        <div className="btns">
          <button
            type="button"
            className={going ? 'btn' : 'btn primary'}
            data-testid="gpu-test"
            onClick={() => void (going ? tester.stop() : tester.start())}
          >
            {going ? 'Stop' : findings === undefined ? 'Start the test' : 'Test again'}
          </button>
          <a className="btn quiet" href="./">
            To the studio
          </a>
        </div>
        <output className="note" data-testid="gpu-progress">
          {progress === undefined
            ? going
              ? 'Asking for the GPU'
              : ''
            : `${progress.stage.replace(/^./, (letter) => letter.toUpperCase())}${progress.total > 1 ? `, ${progress.done} of ${progress.total}` : ''}`}
        </output>
        {progress === undefined || progress.total <= 1 ? null : (
          <progress aria-label="Progress of the test" max={progress.total} value={progress.done} />
        )}
        {fault === undefined ? null : (
          <p className="note warn" role="alert">
            {fault}
          </p>
        )}
        {findings === undefined ? null : <Findings report={findings} />}
      </main>
    </>
  );
}

function Findings({ report }: { readonly report: GpuReport }): React.JSX.Element {
  const { good, words } = verdict(report);
  const wrong = wrongCases(report);
  const text = reportText(report, {
    browser: navigator.userAgent,
    isolated: globalThis.crossOriginIsolated,
    cores: navigator.hardwareConcurrency,
  });
  return (
    <>
      <h2>Found</h2>
      <output className={good ? undefined : 'note warn'} data-testid="gpu-verdict">
        {words}
      </output>
      {slowness(report).map((note) => (
        <p key={note} className="note">
          {note}
        </p>
      ))}
      {wrong.length === 0 ? null : (
        <table data-testid="gpu-wrong">
          <caption className="sr">Operations that are wrong</caption>
          <thead>
            <tr>
              <th scope="col">Operation</th>
              <th scope="col">Relative error</th>
              <th scope="col">Message</th>
            </tr>
          </thead>
          <tbody>
            {wrong.map(({ name, error, fault }) => (
              <tr key={name}>
                <td>{name}</td>
                <td className="num">{errorWords(error)}</td>
                <td>{fault}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <Speeds report={report} />
      <h2>To report it</h2>
      <p className="note">Paste this into an issue: it is how those who have other GPUs learn of yours.</p>
      <CopyText text={text} name="Text" button="Copy the text" testId="gpu-copy" shown />
    </>
  );
}

function Speeds({ report }: { readonly report: GpuReport }): React.JSX.Element | null {
  const { adapter, gflops, gigabytesPerSecond, cpu } = report;
  const rows: (readonly [what: string, value: string])[] = [];
  if (adapter !== undefined) rows.push(['Adapter', `${adapter.name}${adapter.software ? ' (software)' : ''}`]);
  if (gflops !== undefined) rows.push(['Matrix products', `${speed(gflops)} GFLOP/s`]);
  if (gigabytesPerSecond !== undefined) rows.push(['Memory', `${speed(gigabytesPerSecond)} GB/s`]);
  if (cpu !== undefined) rows.push(['CPU engine', `${speed(cpu.gflops)} GFLOP/s (${cpu.detail})`]);
  if (rows.length === 0) return null;
  return (
    <table data-testid="gpu-speeds">
      <caption className="sr">Speeds</caption>
      <tbody>
        {rows.map(([what, value]) => (
          <tr key={what}>
            <th scope="row">{what}</th>
            <td>{value}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
