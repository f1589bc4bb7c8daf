import { readdirSync, readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeSafetensors } from '../../src/formats/safetensors.ts';
import { goldenTeacher } from '../golden/load.ts';
import { localHub, type LocalHub } from '../hub/localHub.ts';
import { openStage, type Stage } from './browser.ts';

const REPOSITORY = 'some-lab/tiny.bert';
const TOKEN = 'hf_thisIsNoRealToken456';
const FOLDER = new URL('../golden/checkpoints/safetensors/', import.meta.url);
const ASSETS = new URL('../../dist/assets/', import.meta.url);

let stage: Stage;
let hub: LocalHub;

beforeAll(async () => {
  // 20 MiB of ballast: the weights come in three parts.
  const ballast = { shape: [5 * 2 ** 20], data: new Float32Array(5 * 2 ** 20).fill(0.5) };
  const weights = writeSafetensors(new Map([...goldenTeacher().tensors, ['ballast', ballast]]), { format: 'pt' });
  const small = ['config.json', 'vocab.txt'].map((name) => [name, new Uint8Array(readFileSync(new URL(name, FOLDER)))] as const);
  hub = await localHub(REPOSITORY, new Map([...small, ['model.safetensors', weights]]), TOKEN, true);
  stage = await openStage(hub.browserArgs);
});

afterAll(async () => {
  await stage.close();
  await hub.close();
});

interface Fetched {
  readonly parameters: number;
  readonly progress: readonly number[];
}

/**
 * Loads the teacher in a session worker of the built page, spoken to as comlink does.
 * @param killAt ends the worker when so many bytes have arrived: what a closed tab does
 */
function load(page: Page, killAt = Infinity): Promise<Fetched | 'killed'> {
  const script = readdirSync(ASSETS).find((name) => /^studio\.worker.*\.js$/.test(name));
  if (script === undefined) throw new Error('dist/assets: expected the session worker, got none');
  const request = { repository: REPOSITORY, token: TOKEN };
  return page.evaluate(
    ([address, request, killAt]) =>
      new Promise<Fetched | 'killed'>((resolve, reject) => {
        const worker = new Worker(address, { type: 'module' });
        const listener = new MessageChannel();
        const progress: number[] = [];
        const end = (): void => {
          listener.port1.close();
          worker.terminate();
        };
        listener.port1.addEventListener('message', ({ data }: MessageEvent<{ argumentList: { value: { done: number } }[] }>) => {
          const done = data.argumentList[0]?.value.done ?? 0;
          progress.push(done);
          if (done < killAt) return;
          end();
          resolve('killed');
        });
        listener.port1.start();
        worker.addEventListener(
          'message',
          ({ data }: MessageEvent<{ id: string; name?: string; value: { parameters: number; message?: string } }>) => {
            end();
            if (data.name === 'throw') reject(new Error(data.value.message));
            else resolve({ parameters: data.value.parameters, progress });
          },
        );
        const argumentList = [
          { type: 'RAW', value: request },
          { type: 'HANDLER', name: 'proxy', value: listener.port2 },
        ];
        worker.postMessage({ id: 'one', type: 'APPLY', path: ['loadHubTeacher'], argumentList }, [listener.port2]);
      }),
    [new URL(`assets/${script}`, stage.url).href, request, killAt] as const,
  );
}

test('a repository is fetched into the browser, goes on after a closed tab, and is there the next time', async () => {
  // One profile: a page of its own would have a storage of its own.
  const profile = await stage.context();
  const open = async (): Promise<Page> => {
    const page = await profile.newPage();
    await page.goto(stage.url);
    return page;
  };
  const page = await open();
  expect(await load(page, 12 * 2 ** 20)).toBe('killed');
  const inStore = (): (string | undefined)[] => hub.seen.filter(({ host }) => host === 'store').map(({ range }) => range);
  expect(inStore()).toEqual([undefined]);
  await page.close();

  const second = await open();
  const fetched = await load(second);
  if (fetched === 'killed') throw new Error('expected a teacher');
  expect(fetched.parameters).toBe(27053);
  // The part that was whole is not asked for again.
  expect(inStore()).toEqual([undefined, `bytes=${8 * 2 ** 20}-`]);
  expect(fetched.progress.some((done) => done >= 8 * 2 ** 20)).toBe(true);

  const asked = hub.seen.length;
  expect(await load(second)).toMatchObject({ parameters: 27053 });
  expect(hub.seen.slice(asked).map(({ address }) => address)).toEqual([`/api/models/${REPOSITORY}/revision/main?blobs=true`]);

  for (const { host, address, authorization } of hub.seen) {
    expect(address).not.toContain(TOKEN);
    expect(authorization).toBe(host === 'hub' ? `Bearer ${TOKEN}` : undefined);
  }
  const kept = await second.evaluate(async (token) => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('hub');
    let files = 0;
    let leaks = 0;
    for await (const handle of folder.values()) {
      if (!(handle instanceof FileSystemFileHandle)) continue;
      files += 1;
      const text = new TextDecoder('latin1').decode(await (await handle.getFile()).arrayBuffer());
      if (`${handle.name}${text}${Object.entries(localStorage).join()}`.includes(token)) leaks += 1;
    }
    return { files, leaks };
  }, TOKEN);
  expect(kept).toEqual({ files: 6, leaks: 0 });

  // What is kept can be seen and deleted on the page.
  await second.reload();
  await second
    .getByTestId('hub-kept')
    .filter({ hasText: /2[01]\.\d MB of fetched repositories/ })
    .waitFor();
  await second.getByTestId('hub-delete').click();
  await second.getByTestId('hub-kept').waitFor({ state: 'detached' });
  const left = await second.evaluate(async () => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('hub');
    return (await Array.fromAsync(folder.keys())).length;
  });
  expect(left).toBe(0);
});
