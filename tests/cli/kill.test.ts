import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { folderFiles } from '../../src/studio/runs/folderFiles.ts';
import { RunStore } from '../../src/studio/runs/runStore.ts';
import { Random } from '../../src/tensor/random.ts';
import { FAST, inScratch, terminal } from './terminal.ts';

const KILLS = 25;

/** The last checkpoint that the run said was on the disk. */
function lastKept(stdout: string): number | undefined {
  const steps = [...stdout.matchAll(/"kind":"kept","step":(?<step>\d+)\}/g)];
  const step = steps.at(-1)?.groups?.['step'];
  return step === undefined ? undefined : Number(step);
}

test(`killed ${KILLS} times at random moments, a run loses only the steps since its last checkpoint`, async () => {
  await inScratch(async (folder) => {
    const out = join(folder, 'student');
    const store = new RunStore(folderFiles(join(out, '.runs')));
    const random = new Random(20261124);
    let kept = 0;
    let midWrite = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const resume = kept > 0 ? ['--resume'] : [];
      // On a busy machine half a second may be too short for a first checkpoint.
      const awaited = kept === 0 && kill >= KILLS / 2 ? '"kind":"kept"' : '"kind":"step"';
      let armed = false;
      const { stdout, stderr } = await terminal([...FAST, '--steps', '1000000', '--json', '--out', out, ...resume], (text, send) => {
        if (armed || !text.includes(awaited)) return;
        armed = true;
        setTimeout(() => send('SIGKILL'), random.integer(500));
      });
      expect(stderr).toBe('');
      const said = lastKept(stdout) ?? kept;
      const [run] = await store.runs();
      const checkpoint = run === undefined ? undefined : await store.load(run);
      const done = checkpoint?.state.done ?? 0;
      expect(done).toBeGreaterThanOrEqual(Math.max(kept, said));
      if (existsSync(join(out, '.runs')) && readdirSync(join(out, '.runs')).some((name) => name.endsWith('.part'))) midWrite += 1;
      kept = done;
    }
    expect(kept).toBeGreaterThan(0);
    console.log(`${KILLS} kills, ${midWrite} with a write left aside, ${kept} steps kept`);
  });
});
