import { sizeInWords } from '../../tensor/bytes.ts';
import { useState } from 'react';
import { useProgress } from '../../state/progressStore.ts';
import { isGoing, useRun, type ExportOptions } from '../../state/runStore.ts';
import { useActions } from '../actionsContext.ts';
import { takeLostFocus } from '../focusRescue.ts';
import { Icon } from '../Icon.tsx';
import { EXPORT_DEFAULTS, ExportChoices } from './ExportChoices.tsx';
import { FileTable } from './FileTable.tsx';
import { Verification } from './Verification.tsx';

/** What leaves: the files, verified before they are offered. */
export function ExportPanel(): React.JSX.Element {
  const [options, setOptions] = useState<ExportOptions>(EXPORT_DEFAULTS);
  const download = useRun((state) => state.download);
  const exporting = useRun((state) => state.exporting);
  return (
    <section aria-labelledby="export-title" id="export">
      <div className="col-head">
        <h2 id="export-title">Export</h2>
        <span className="note">{download === undefined ? 'verified in onnxruntime-web' : `${download.name}, the ${download.of}`}</span>
      </div>
      {download === undefined || exporting ? null : <Offer />}
      <div className="block">
        {download === undefined ? (
          <p className="sub">
            A Hugging Face folder as a zip: weights, configuration, tokenizer, model card, recipe and ONNX. Every ONNX file runs in
            onnxruntime-web beside this engine first; one whose answers differ is withheld.
          </p>
        ) : null}
        <ExportChoices options={options} onOptions={setOptions} />
        <ExportButtons options={options} />
      </div>
      <Verification />
    </section>
  );
}

function ExportButtons({ options }: { readonly options: ExportOptions }): React.JSX.Element {
  const actions = useActions();
  const going = useRun((state) => isGoing(state.status));
  const finished = useRun((state) => state.result !== undefined);
  const exporting = useRun((state) => state.exporting);
  const asking = useRun((state) => state.asking);
  const again = useRun((state) => state.download !== undefined);
  const progress = useProgress((state) => state.progress);
  return (
    <>
      <output className="note">
        {exporting ? `${progress?.stage ?? 'Writing'}, ${progress?.done ?? 0} of ${progress?.total ?? 0}` : ''}
        {finished || exporting ? '' : going ? 'You can export the student once the run has ended or is stopped.' : 'Start a run first.'}
      </output>
      <div className="btns">
        <button
          type="button"
          className={finished && !again ? 'btn primary wide' : 'btn wide'}
          data-testid="export"
          disabled={!finished || exporting || asking || going}
          onClick={() => void actions.exportStudent(options)}
        >
          {exporting ? 'Exporting' : again ? 'Export again' : 'Export the student'}
        </button>
        {exporting ? (
          <button type="button" className="btn" data-testid="cancel-export" onClick={() => void actions.cancelExport()}>
            Cancel
          </button>
        ) : null}
        <button
          type="button"
          className="btn"
          data-testid="export-teacher"
          title="Exports the loaded teacher as the same files, without a run"
          disabled={exporting || asking || going}
          onClick={() => void actions.exportTeacher(options)}
        >
          Teacher
        </button>
      </div>
    </>
  );
}

function Offer(): React.JSX.Element | null {
  const download = useRun((state) => state.download);
  if (download === undefined) return null;
  return (
    <>
      <div className="block">
        <a ref={takeLostFocus} className="btn primary wide" href={download.url} download={`${download.name}.zip`} data-testid="download">
          <Icon name="save" />
          Download {download.name}.zip, {sizeInWords(download.bytes)}
        </a>
      </div>
      <div className="block">
        <FileTable files={download.files} />
      </div>
    </>
  );
}
