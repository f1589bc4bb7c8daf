import { sizeInWords } from '../../tensor/bytes.ts';
import { useRun, type OnnxFileReport } from '../../state/runStore.ts';
import { useSetup } from '../../state/setupStore.ts';
import { Icon } from '../Icon.tsx';
import { percent } from '../numbers.ts';

/** Every ONNX file as it is checked: how far from the engine, what its precision costs, how fast it is. */
export function Verification(): React.JSX.Element | null {
  const files = useRun((state) => state.checkedFiles);
  const download = useRun((state) => state.download);
  if (files.length === 0) return null;
  return (
    <div className="block" data-testid="verification">
      <div className="block-head">
        <h3>Verification</h3>
        <span className="note">this engine against onnxruntime-web, batches of real text</span>
      </div>
      {files.map((file) => (
        <FileReport key={file.path} file={file} teacherLatency={download?.teacherLatency?.median} />
      ))}
    </div>
  );
}

interface FileReportProps {
  readonly file: OnnxFileReport;
  readonly teacherLatency: number | undefined;
}

function FileReport({ file, teacherLatency }: FileReportProps): React.JSX.Element {
  const answers = useSetup((state) => state.teacher?.words.answers);
  const { path, output, bytes, largestDifference, tolerance, checked, heldOut, latency, webGpu, withheld } = file;
  const worst = Math.max(0, ...checked.map((check) => check[tolerance.measure]));
  return (
    <section className="onnx-file" aria-label={path}>
      <p className="row2">
        <span>
          <Icon name={withheld === null ? 'check' : 'warn'} /> <b>{path}</b>
        </span>
        <span className="num">{withheld === null ? sizeInWords(bytes) : 'withheld'}</span>
      </p>
      {withheld === null ? null : <p className="note warn">{withheld}</p>}
      <dl>
        <Line name={`Largest difference of ${output}`} value={largestDifference.toExponential(1)} testId="largest-difference" />
        <Line
          name={`Largest ${tolerance.measure} difference, of ${checked.length} batches`}
          value={`${worst.toExponential(1)}, at most ${tolerance.most}`}
        />
        {heldOut === null ? null : (
          <Line
            name={`Held-out accuracy, ${heldOut.tokens} ${answers ?? 'answers'}`}
            value={`${percent(heldOut.accuracy)} (${points(heldOut.accuracy - heldOut.engineAccuracy)})`}
          />
        )}
        {latency === null ? null : (
          <Line
            name={`Median, p95 of ${latency.batch} × ${latency.length} tokens`}
            value={`${latency.median.toFixed(1)}, ${latency.p95.toFixed(1)} ms${
              teacherLatency === undefined ? '' : ` (teacher ${teacherLatency.toFixed(1)})`
            }`}
          />
        )}
        {webGpu === undefined || webGpu.unfit !== null ? null : (
          <Line
            name={`On WebGPU: largest ${tolerance.measure} difference${webGpu.latency === null ? '' : ', median'}`}
            value={`${webGpu.measured.toExponential(1)}${webGpu.latency === null ? '' : `, ${webGpu.latency.median.toFixed(1)} ms`}`}
            testId="on-webgpu"
          />
        )}
      </dl>
      {webGpu === undefined || webGpu.unfit === null ? null : (
        <p className="note warn" data-testid="unfit-for-webgpu">
          Not for WebGPU, for CPUs alone: {webGpu.unfit}
        </p>
      )}
    </section>
  );
}

function Line({ name, value, testId }: { readonly name: string; readonly value: string; readonly testId?: string }): React.JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd data-testid={testId}>{value}</dd>
    </div>
  );
}

/** A change of a share, in points of percent. */
function points(change: number): string {
  return `${change >= 0 ? '+' : '−'}${Math.abs(100 * change).toFixed(1)} points to fp32`;
}
