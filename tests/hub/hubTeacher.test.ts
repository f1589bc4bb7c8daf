import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writeSafetensors } from '../../src/formats/safetensors.ts';
import { HubCache } from '../../src/studio/hub/hubCache.ts';
import { folderFiles } from '../../src/studio/runs/folderFiles.ts';
import { createSession } from '../../src/studio/session.ts';
import type { StudioEvent } from '../../src/studio/api/run.ts';
import type { StudioApi } from '../../src/studio/studioApi.ts';
import { Random } from '../../src/tensor/random.ts';
import { inScratch, ROOT, terminal } from '../cli/terminal.ts';
import { goldenTeacher } from '../golden/load.ts';
import { localHub, type LocalHub } from './localHub.ts';

const FOLDER = join(ROOT, 'tests/golden/checkpoints/safetensors');
const REPOSITORY = 'some-lab/tiny.bert';
const TOKEN = 'hf_thisIsNoRealToken123';

const file = (name: string): Uint8Array => new Uint8Array(readFileSync(join(FOLDER, name)));
const small = new Map(['config.json', 'vocab.txt', 'model.safetensors'].map((name) => [name, file(name)]));

/** The same teacher with 20 MiB of ballast, so that its weights come in several parts. */
function large(): Map<string, Uint8Array> {
  const random = new Random(3);
  const ballast = { shape: [5 * 2 ** 20], data: Float32Array.from({ length: 5 * 2 ** 20 }, () => random.uniform()) };
  const weights = writeSafetensors(new Map([...goldenTeacher().tensors, ['ballast', ballast]]), { format: 'pt' });
  return new Map([...small, ['model.safetensors', weights]]);
}

let hub: LocalHub | undefined;
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wid-hub-'));
});
afterEach(async () => {
  await hub?.close();
  rmSync(folder, { recursive: true, force: true });
});

function session(): StudioApi {
  return createSession(undefined, { hub: { cache: new HubCache(folderFiles(folder)), fetch: (input, init) => fetch(input, init) } });
}

function ask(endpoint: string, token?: string): { repository: string; endpoint: string; token?: string } {
  return { repository: REPOSITORY, endpoint, ...(token === undefined ? {} : { token }) };
}

const nothing = (): void => undefined;

describe('a repository by its id', () => {
  test('is refused where its weights are not those that the hub lists, and what came is not kept', async () => {
    hub = await localHub(REPOSITORY, large());
    hub.damage(true);
    await expect(session().loadHubTeacher(ask(hub.endpoint), nothing)).rejects.toThrow(
      /hub: model\.safetensors — expected SHA-256 [0-9a-f]{12}\.\.\., as the hub lists it, got [0-9a-f]{12}\.\.\.\. It was deleted; fetch it again\./,
    );
    hub.damage(false);
    await expect(session().loadHubTeacher(ask(hub.endpoint), nothing)).resolves.toMatchObject({ parameters: 27053 });
    // From the beginning: no part of the wrong file was left.
    expect(hub.seen.filter(({ host }) => host === 'store').map(({ range }) => range)).toEqual([undefined, undefined]);
  });

  test('loads, shows its progress in bytes, and comes from the disk the second time', async () => {
    hub = await localHub(REPOSITORY, small);
    const events: StudioEvent[] = [];
    const report = await session().loadHubTeacher(ask(hub.endpoint), (event) => events.push(event));
    expect(report).toMatchObject({ name: 'tiny.bert', head: 'mlm', parameters: 27053 });
    const total = [...small.values()].reduce((sum, { length }) => sum + length, 0);
    expect(events.at(-1)).toMatchObject({ kind: 'progress', done: total, total, unit: 'bytes' });
    const asked = hub.seen.length;
    await session().loadHubTeacher(ask(hub.endpoint), nothing);
    // The list alone: a branch may have moved.
    expect(hub.seen.slice(asked).map(({ address }) => address)).toEqual([`/api/models/${REPOSITORY}/revision/main?blobs=true`]);
  });

  test('goes on where the connection broke off, in another session too', async () => {
    const files = large();
    hub = await localHub(REPOSITORY, files);
    // Small files are shorter than that, so only the weights' answers break.
    hub.spoil(9 * 2 ** 20, 1);
    expect((await session().loadHubTeacher(ask(hub.endpoint), nothing)).head).toBe('mlm');
    expect(hub.seen.filter(({ host }) => host === 'store').map(({ range }) => range)).toEqual([undefined, `bytes=${8 * 2 ** 20}-`]);

    rmSync(folder, { recursive: true });
    hub.seen.length = 0;
    const first = session();
    const cut = first.loadHubTeacher(ask(hub.endpoint), (event) => {
      if (event.kind === 'progress' && event.done > 10 * 2 ** 20) void first.cancelTeacher();
    });
    await expect(cut).rejects.toMatchObject({ code: 'cancelled' });
    await session().loadHubTeacher(ask(hub.endpoint), nothing);
    expect(hub.seen.filter(({ host }) => host === 'store').map(({ range }) => range)).toEqual([undefined, `bytes=${8 * 2 ** 20}-`]);
  });

  test('a server without ranges costs time, not bytes', async () => {
    hub = await localHub(REPOSITORY, large());
    hub.ignoreRanges();
    hub.spoil(9 * 2 ** 20, 1);
    expect((await session().loadHubTeacher(ask(hub.endpoint), nothing)).parameters).toBe(27053);
  });

  test('works without a connection once it was fetched, and says so', async () => {
    hub = await localHub(REPOSITORY, small);
    await session().loadHubTeacher(ask(hub.endpoint), nothing);
    hub.failWith(503);
    const { notes } = await session().loadHubTeacher(ask(hub.endpoint), nothing);
    expect(notes[0]).toMatch(/^The hub could not be reached; this is some-lab\/tiny\.bert as it was last fetched \(commit [0-9a-f]{8}\)/);
  });

  test('a branch that moved gives the new files', async () => {
    hub = await localHub(REPOSITORY, small);
    await session().loadHubTeacher(ask(hub.endpoint), nothing);
    const other = new TextEncoder().encode(new TextDecoder().decode(file('config.json')).replace('"gelu"', '"relu"'));
    hub.publish(new Map([...small, ['config.json', other]]));
    const asked = hub.seen.length;
    await session().loadHubTeacher(ask(hub.endpoint), nothing);
    expect(hub.seen.slice(asked).some(({ host }) => host === 'store')).toBe(true);
  });

  test('kept files are deleted on request', async () => {
    hub = await localHub(REPOSITORY, small);
    const one = session();
    await one.loadHubTeacher(ask(hub.endpoint), nothing);
    expect(readdirSync(folder).length).toBeGreaterThan(3);
    await one.clearHubCache();
    expect(readdirSync(folder)).toEqual([]);
  });

  test('a kept part that was cut short is deleted, and never read', async () => {
    hub = await localHub(REPOSITORY, small);
    await session().loadHubTeacher(ask(hub.endpoint), nothing);
    const weights = readdirSync(folder).find((name) => readFileSync(join(folder, name)).length === file('model.safetensors').length) ?? '';
    writeFileSync(join(folder, weights), file('model.safetensors').subarray(0, 50_000));
    await expect(session().loadHubTeacher(ask(hub.endpoint), nothing)).rejects.toThrow(
      /expected it whole, got a part\. It was deleted; fetch it again/,
    );
    expect((await session().loadHubTeacher(ask(hub.endpoint), nothing)).head).toBe('mlm');
  });
});

describe('the token', () => {
  test('goes to the hub in a header and nowhere else', async () => {
    hub = await localHub(REPOSITORY, small, TOKEN);
    const events: StudioEvent[] = [];
    const report = await session().loadHubTeacher(ask(hub.endpoint, TOKEN), (event) => events.push(event));
    for (const { host, address, authorization } of hub.seen) {
      expect(address).not.toContain(TOKEN);
      expect(authorization).toBe(host === 'hub' ? `Bearer ${TOKEN}` : undefined);
    }
    expect(hub.seen.some(({ host }) => host === 'store')).toBe(true);
    expect(JSON.stringify([events, report])).not.toContain(TOKEN);
    for (const name of readdirSync(folder)) expect(readFileSync(join(folder, name), 'latin1') + name).not.toContain(TOKEN);
  });

  test('its absence is told apart from a wrong name as far as the hub does', async () => {
    hub = await localHub(REPOSITORY, small, TOKEN);
    await expect(session().loadHubTeacher(ask(hub.endpoint), nothing)).rejects.toThrow(
      /some-lab\/tiny\.bert at main — expected access, got status 401\. .*give a token that may read it/,
    );
    const wrong = session().loadHubTeacher(ask(hub.endpoint, `${TOKEN}x`), nothing);
    const error: unknown = await wrong.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'hub' });
    expect(JSON.stringify([String(error), error])).not.toContain(TOKEN);
  });

  test('never travels unencrypted to another machine', async () => {
    await expect(session().loadHubTeacher(ask('http://hub.example', TOKEN), nothing)).rejects.toThrow(
      /expected an https address to send it to/,
    );
  });
});

describe('what cannot be fetched says why', () => {
  test.each([
    [
      'another family, before its weights',
      new Map([...small, ['config.json', new TextEncoder().encode('{"model_type":"roformer"}')]]),
      /got "roformer"\. RoFormer attends by rotary positions/,
    ],
    [
      'no weights that can be read',
      new Map([...small].filter(([name]) => name !== 'model.safetensors').concat([['tf_model.h5', file('vocab.txt')]])),
      /expected model\.safetensors, pytorch_model\.bin or model\.onnx in it, got config\.json, vocab\.txt, tf_model\.h5/,
    ],
    ['no model', new Map([['data.csv', file('vocab.txt')]]), /expected config\.json in it, got data\.csv/],
  ])('%s', async (_, files, message) => {
    hub = await localHub(REPOSITORY, files);
    await expect(session().loadHubTeacher(ask(hub.endpoint), nothing)).rejects.toThrow(message);
    expect(hub.seen.filter(({ host }) => host === 'store')).toEqual([]);
  });

  test.each([['../etc/passwd'], ['a/b/c'], ['https://elsewhere.example/a/b'], ['a b'], ['a/..']])('the id %s', async (repository) => {
    await expect(session().loadHubTeacher({ repository, endpoint: 'http://127.0.0.1:9' }, nothing)).rejects.toMatchObject({ code: 'hub' });
  });

  test('nobody answers', async () => {
    await expect(session().loadHubTeacher(ask('http://127.0.0.1:9'), nothing)).rejects.toMatchObject({ code: 'network' });
  });
});

describe('in the terminal', () => {
  test('an id, a private repository, and a token from the environment or a file', async () => {
    hub = await localHub(REPOSITORY, small, TOKEN);
    const { endpoint } = hub;
    await inScratch(async (scratch) => {
      const environment = { HF_ENDPOINT: endpoint, XDG_CACHE_HOME: scratch };
      const run = (options: readonly string[], more: Readonly<Record<string, string>> = {}): ReturnType<typeof terminal> =>
        terminal(['inspect', '--teacher', REPOSITORY, ...options], undefined, [], { ...environment, ...more });
      const without = await run([]);
      expect([without.code, without.stderr]).toEqual([2, expect.stringMatching(/got status 401/)]);
      expect(without.stdout).toContain(`There is no file or folder ${REPOSITORY} here; looking for it on ${endpoint}.`);
      const tokenFile = join(scratch, 'token');
      writeFileSync(tokenFile, `${TOKEN}\n`);
      for (const ended of [await run([], { HF_TOKEN: TOKEN }), await run(['--token-file', tokenFile, '--revision', 'main', '--json'])]) {
        expect([ended.code, ended.stderr]).toEqual([0, '']);
        expect(ended.stdout).toContain('tiny.bert');
        expect(ended.stdout).not.toContain(TOKEN);
      }
    });
  });
});
