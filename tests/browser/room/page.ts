import { wrap } from 'comlink';
import type { RoomWorker } from './room.worker.ts';

export interface RoomPage {
  /** Three workers at once, time and again: two try whether there are `wanted` bytes, one writes `written`. @returns what went wrong */
  together(rounds: number, wanted: number, written: number): Promise<readonly string[]>;
  /** What one trial finds alone. */
  free(wanted: number): Promise<number | undefined>;
}

declare global {
  // The only way to give a page's functions to its test.
  var room: RoomPage;
}

const remotes = ['a', 'b', 'c'].map((folder) => ({
  folder,
  remote: wrap<RoomWorker>(new Worker(new URL('./room.worker.ts', import.meta.url), { type: 'module' })),
}));

globalThis.room = {
  async together(rounds, wanted, written) {
    const wrong: string[] = [];
    const repeat = async (work: () => Promise<string | undefined>): Promise<void> => {
      for (let round = 0; round < rounds; round++) {
        const said = await work().catch(String);
        if (said !== undefined) wrong.push(said);
      }
    };
    await Promise.all(
      remotes.map(({ folder, remote }, i) =>
        repeat(async () => {
          if (i === 0) return remote.write(folder, written).then(() => undefined);
          const free = (await remote.free(folder, wanted)) ?? 0;
          return free < wanted ? `a trial found ${free} bytes` : undefined;
        }),
      ),
    );
    return wrong;
  },
  free: async (wanted) => remotes[0]?.remote.free('a', wanted),
};
