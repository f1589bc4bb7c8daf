import type { ExportOptions, ExportResult } from '../../studio/api/exporting.ts';
import type { StudioListener } from '../../studio/api/run.ts';
import { useRun, type Download } from '../runStore.ts';
import { useSetup } from '../setupStore.ts';
import { whileReading } from '../whileReading.ts';
import type { Desk } from './desk.ts';
import { isPackedFor, loadText } from './textReading.ts';

export interface ExportActions {
  exportStudent(options: ExportOptions): Promise<void>;
  /** Gives up the export at hand. */
  cancelExport(): Promise<void>;
  /** The loaded teacher in the same forms. */
  exportTeacher(options: ExportOptions): Promise<void>;
  /** Writes the recipe as a job for PyTorch. @returns the folder's zip as a file to save; undefined if it failed */
  saveJob(): Promise<{ readonly name: string; readonly zip: Blob } | undefined>;
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
    async saveJob() {
      const { recipe } = useSetup.getState();
      if (recipe === undefined) return undefined;
      return desk.asked(() =>
        whileReading('Writing the job', async (say) => {
          await desk.needEngine();
          const { text } = useSetup.getState();
          if (text === undefined || !isPackedFor(text, recipe)) await loadText(desk);
          const { student, mode } = recipe;
          const listen: StudioListener = (event) => {
            if (event.kind === 'progress') say(`${event.stage}, ${Math.round((100 * event.done) / Math.max(1, event.total))} %`);
          };
          const name = `job-${mode}-${student.layers}x${student.hiddenSize}`;
          const { zip } = await desk.exclusive(() => desk.api.exportJob(recipe, name, listen));
          return { name: `${name}.zip`, zip };
        }),
      );
    },
    async exportTeacher(options) {
      const { teacher } = useSetup.getState();
      if (teacher === undefined) return;
      await run('teacher', (listen) => desk.api.exportTeacher(fileName(teacher.name), listen, options));
    },
  };
}
