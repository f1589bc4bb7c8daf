import type { ExportOptions, ExportResult } from '../../studio/api/exporting.ts';
import type { StudioListener } from '../../studio/api/run.ts';
import { useRun, type Download } from '../runStore.ts';
import { useSetup } from '../setupStore.ts';
import type { Desk } from './desk.ts';

export interface ExportActions {
  exportStudent(options: ExportOptions): Promise<void>;
  /** Gives up the export at hand. */
  cancelExport(): Promise<void>;
  /** The loaded teacher in the same forms. */
  exportTeacher(options: ExportOptions): Promise<void>;
}

/** What a file system takes everywhere. */
const fileName = (name: string): string => name.replaceAll(/[^\w.-]+/g, '-').slice(0, 80) || 'model';

export function exportActions(desk: Desk): ExportActions {
  /** Of the export at hand: it may still be waiting for the engine, when the session knows nothing of it. */
  let cancelled = false;
  const run = async (of: Download['of'], verb: (listen: StudioListener) => Promise<ExportResult>): Promise<void> => {
    cancelled = false;
    useRun.setState({ exporting: true, checkedFiles: [], fault: undefined });
    await desk.guarded(async () => {
      const written = await desk.exclusive(async () => {
        if (cancelled) return undefined;
        return verb((event) => {
          desk.recorder.hear(event);
          if (event.kind === 'onnxFile') useRun.setState(({ checkedFiles }) => ({ checkedFiles: [...checkedFiles, event.file] }));
        });
      });
      if (written === undefined) return;
      const { zip, ...rest } = written;
      desk.dropDownload();
      useRun.setState({ download: { ...rest, of, url: URL.createObjectURL(zip), bytes: zip.size } });
    });
    // Who cancelled knows.
    useRun.setState(({ fault }) => ({ exporting: false, fault: fault?.code === 'cancelled' ? undefined : fault }));
  };
  return {
    async cancelExport() {
      cancelled = true;
      await desk.asked(() => desk.api.cancelExport());
    },
    async exportStudent(options) {
      const { student } = useRun.getState().recipe ?? {};
      if (student === undefined) return;
      await run('student', (listen) => desk.api.exportStudent(`wid-bert-${student.layers}x${student.hiddenSize}`, listen, options));
    },
    async exportTeacher(options) {
      const { teacher } = useSetup.getState();
      if (teacher === undefined) return;
      await run('teacher', (listen) => desk.api.exportTeacher(fileName(teacher.name), listen, options));
    },
  };
}
