import { isGoing, useRun } from '../../state/runStore.ts';
import { useProgress } from '../../state/progressStore.ts';
import { useActions } from '../actionsContext.ts';
import { Compare } from '../compare/Compare.tsx';
import { Icon } from '../Icon.tsx';
import { size } from '../numbers.ts';
import { FileTable, VerificationTable } from './ZipTables.tsx';

/** What leaves: the student's files, verified before they are offered. */
export function SidePanel(): React.JSX.Element {
  const download = useRun((state) => state.download);
  return (
    <div className="col side" id="results">
      <Compare />
      <section aria-labelledby="export-title">
        <div className="col-head">
          <h2 id="export-title">Export</h2>
          <span className="note">{download === undefined ? 'verified in onnxruntime-web' : download.name}</span>
        </div>
        {download === undefined ? <BeforeExport /> : <AfterExport />}
      </section>
    </div>
  );
}

function BeforeExport(): React.JSX.Element {
  const actions = useActions();
  const status = useRun((state) => state.status);
  const finished = useRun((state) => state.result !== undefined);
  const exporting = useRun((state) => state.exporting);
  const asking = useRun((state) => state.asking);
  const progress = useProgress((state) => state.progress);
  return (
    <div className="block">
      <p className="sub">
        A Hugging Face folder as a zip: <code>model.safetensors</code>, <code>config.json</code>, the tokenizer, a model card, the recipe
        and <code>onnx/model.onnx</code>. The ONNX file runs in onnxruntime-web beside this engine first; if their logits differ, it is
        withheld.
      </p>
      <output className="note">
        {exporting ? `${progress?.stage ?? 'Writing'}, ${progress?.done ?? 0} of ${progress?.total ?? 0}` : ''}
        {!finished && !exporting ? (isGoing(status) ? 'Available when the run ends or is stopped.' : 'Run something first.') : ''}
      </output>
      <button
        type="button"
        className={finished ? 'btn primary wide' : 'btn wide'}
        data-testid="export"
        disabled={!finished || exporting || asking || isGoing(status)}
        onClick={() => void actions.exportStudent()}
      >
        {exporting ? 'Exporting' : 'Export the student'}
      </button>
    </div>
  );
}

function AfterExport(): React.JSX.Element | null {
  const download = useRun((state) => state.download);
  if (download === undefined) return null;
  return (
    <>
      <div className="block">
        <a className="btn primary wide" href={download.url} download={`${download.name}.zip`} data-testid="download">
          <Icon name="save" />
          Download {download.name}.zip, {size(download.bytes)}
        </a>
      </div>
      <div className="block">
        <FileTable files={download.files} />
      </div>
      <div className="block">
        <div className="block-head">
          <h3>Verification</h3>
        </div>
        <VerificationTable checked={download.checked} largest={download.largestDifference} />
      </div>
    </>
  );
}
