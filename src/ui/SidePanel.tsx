import { useRun } from '../state/runStore.ts';
import { Compare } from './compare/Compare.tsx';
import { ExportPanel } from './zip/ExportPanel.tsx';

/** Right of the run: student beside teacher, and what leaves. When there is a zip, it comes first. */
export function SidePanel(): React.JSX.Element {
  const ready = useRun((state) => state.download !== undefined);
  return (
    <div className="col side" id="results">
      {ready ? <ExportPanel key="export" /> : null}
      <Compare key="compare" />
      {ready ? null : <ExportPanel key="export" />}
    </div>
  );
}
