import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Random } from '../../src/tensor/random.ts';
import { openSmallPage } from './smallPage.ts';

const KILLS = 50;

const base64 = (path: string): string => readFileSync(new URL(path, import.meta.url)).toString('base64');

// The session in a real worker over the browser's real file system, keeping every step: something is nearly always being written.
test(`its worker ended ${KILLS} times at random moments, a run loses only the steps since its last checkpoint, and never a file`, async () => {
  const small = await openSmallPage('runs', 'runs');
  try {
    const { page } = small;
    const teacher = Object.fromEntries(
      ['config.json', 'model.safetensors', 'vocab.txt'].map((path) => [path, base64(`../golden/checkpoints/safetensors/${path}`)]),
    );
    await page.evaluate(([files, text]) => runs.give(files, text), [
      teacher,
      { 'a1.txt': base64('../../public/demo/prose/a1.txt') },
    ] as const);
    const random = new Random(20261124);
    let [kept, aside, beyond] = [0, 0, 0];
    for (let kill = 0; kill < KILLS; kill++) {
      const after = await page.evaluate(([from, wait]) => runs.kill(from, wait), [kept, random.integer(150)] as const);
      expect(after.damaged).toEqual([]);
      expect(after.said).toBeGreaterThan(kept);
      expect(after.found).toBeGreaterThanOrEqual(after.said);
      aside += after.aside.length > 0 ? 1 : 0;
      beyond += after.found > after.said ? 1 : 0;
      kept = after.found;
    }
    expect(aside).toBeGreaterThan(0);
    expect(await page.evaluate(() => runs.tidied())).toEqual({ leftovers: [], runs: 1 });
    console.log(`${KILLS} ends, ${aside} with a write left aside, ${beyond} with a newer checkpoint than was said, ${kept} steps kept`);
  } finally {
    await small.close();
  }
});
