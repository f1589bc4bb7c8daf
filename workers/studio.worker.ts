import { expose, transfer } from 'comlink';
import { installFaultTransfer } from '../src/studio/faultTransfer.ts';
import { opfsFiles } from '../src/studio/runs/opfsFiles.ts';
import { RunStore } from '../src/studio/runs/runStore.ts';
import { createSession } from '../src/studio/session.ts';
import type { StudioApi } from '../src/studio/studioApi.ts';

installFaultTransfer();
const session = createSession(new RunStore(opfsFiles('runs')));
const api: StudioApi = {
  ...session,
  exportStudent: async (name, listen) => {
    const result = await session.exportStudent(name, listen);
    return result.zip.buffer instanceof ArrayBuffer ? transfer(result, [result.zip.buffer]) : result;
  },
};
expose(api);
