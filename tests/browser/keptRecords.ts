import type { Page } from 'playwright-core';
import { decodeRecord, type RunRecord } from '../../src/studio/runs/runRecord.ts';

/** The records of the runs that a page's browser keeps, the one that was started last first. */
export async function keptRecords(page: Page): Promise<RunRecord[]> {
  const files = await page.evaluate(async () => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('runs');
    const found: string[] = [];
    for await (const name of folder.keys()) {
      if (!name.endsWith('.run')) continue;
      const bytes = new Uint8Array(await (await (await folder.getFileHandle(name)).getFile()).arrayBuffer());
      found.push(btoa(Array.from(bytes, (byte) => String.fromCodePoint(byte)).join('')));
    }
    return found;
  });
  const records = await Promise.all(files.map((text) => decodeRecord('kept', new Uint8Array(Buffer.from(text, 'base64')))));
  return records.toSorted((a, b) => b.startedAt - a.startedAt);
}

/** [n, 2]: step and loss of every step. */
export function lossesOf({ metrics }: RunRecord): [number, number][] {
  return Array.from({ length: metrics.steps.length / 5 }, (_, i) => [metrics.steps[5 * i] ?? 0, metrics.steps[5 * i + 1] ?? 0]);
}
