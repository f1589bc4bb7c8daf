import { useRun } from '../runStore.ts';
import type { Desk } from './desk.ts';

export interface ExportActions {
  exportStudent(): Promise<void>;
}

export function exportActions(desk: Desk): ExportActions {
  return {
    async exportStudent() {
      const { student } = useRun.getState().recipe ?? {};
      if (student === undefined) return;
      useRun.setState({ exporting: true, fault: undefined });
      await desk.guarded(async () => {
        const name = `wid-bert-${student.layers}x${student.hiddenSize}`;
        const { zip, ...rest } = await desk.exclusive(() => desk.api.exportStudent(name, desk.recorder.hear));
        const url = URL.createObjectURL(zip);
        useRun.setState({ download: { ...rest, url, bytes: zip.size } });
      });
      useRun.setState({ exporting: false });
    },
  };
}
