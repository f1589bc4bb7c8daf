import { sizeInWords } from '../../tensor/bytes.ts';
import { parseConfig } from '../../models/config.ts';
import { shownName } from '../../tensor/shown.ts';
import { readJson } from '../teacher/checkpointFolder.ts';
import type { GivenFile } from '../api/files.ts';
import type { StudioListener } from '../api/run.ts';
import type { HubRequest } from '../api/teacher.ts';
import { checkDigest } from './digest.ts';
import type { CachedFile, HubCache } from './hubCache.ts';
import { cancelled, HUGGING_FACE, HubClient, HubError, NetworkError, repositoryOf, type HubFile, type HubListing } from './hubClient.ts';

/** Tries without a byte of progress before fetching gives up. */
const MOST_TRIES = 5;
const FIRST_WAIT = 250;

/** A repository's files as a teacher's, and what the user should know of how they came. */
export interface HubFiles {
  readonly name: string;
  readonly files: readonly GivenFile[];
  readonly notes: readonly string[];
}

/** What else a fetch needs. */
export interface HubSurroundings {
  readonly cache: HubCache;
  readonly fetch: typeof fetch;
}

/**
 * Fetches what a teacher needs of a repository: configuration, tokenizer, and weights of one kind, safetensors first.
 * config.json comes before the weights, so that a model of another family costs no gigabytes.
 *
 * @throws HubError, NetworkError; StudioError `config` for another family, `cancelled`
 */
export async function fetchHubTeacher(
  request: HubRequest,
  { cache, fetch }: HubSurroundings,
  listen: StudioListener,
  signal: AbortSignal,
): Promise<HubFiles> {
  const client = new HubClient(request.endpoint ?? HUGGING_FACE, request.token, fetch);
  const repository = repositoryOf(request.repository, client.endpoint);
  const revision = request.revision ?? 'main';
  const notes: string[] = [];
  const listing = await listed(client, cache, repository, revision, signal, notes);
  const wanted = chooseFiles(listing);
  const total = wanted.reduce((sum, { size }) => sum + size, 0);
  let before = 0;
  const files: GivenFile[] = [];
  for (const wish of wanted) {
    const { path, size } = wish;
    const file = await cache.open(client.endpoint, listing, path, size);
    const tell = (): void =>
      listen({ kind: 'progress', stage: `Fetching ${shownName(path)}`, done: before + file.arrived, total, unit: 'bytes' });
    tell();
    await fetchFile(client, listing, path, file, tell, signal);
    await checkDigest(wish, file, signal);
    if (path === 'config.json') parseConfig(await readJson(path, file));
    before += size;
    files.push({ path, bytes: file });
  }
  return { name: repository.slice(repository.lastIndexOf('/') + 1), files, notes };
}

async function listed(
  client: HubClient,
  cache: HubCache,
  repository: string,
  revision: string,
  signal: AbortSignal,
  notes: string[],
): Promise<HubListing> {
  try {
    const listing = await client.list(repository, revision, signal);
    await cache.keepListing(client.endpoint, revision, listing).catch(() => {});
    return listing;
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error;
    const known = await cache.listing(client.endpoint, repository, revision).catch(() => undefined);
    if (!isListing(known)) throw error;
    notes.push(`The hub could not be reached; this is ${repository} as it was last fetched (commit ${known.commit.slice(0, 8)}).`);
    return known;
  }
}

/** Written by this program, and read back from a store that only it writes to. */
function isListing(value: unknown): value is HubListing {
  return typeof value === 'object' && value !== null && 'commit' in value && typeof value.commit === 'string' && 'files' in value;
}

const BESIDE = [
  'config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.txt',
  'README.md',
];
/** Kinds of weights, best first: one whole file, its shards, or what an export holds. */
const WEIGHTS: readonly RegExp[] = [
  /^model\.safetensors$/,
  /^model(?:-\d+-of-\d+\.safetensors|\.safetensors\.index\.json)$/,
  /^pytorch_model\.bin$/,
  /^pytorch_model(?:-\d+-of-\d+\.bin|\.bin\.index\.json)$/,
  /^model\.onnx(?:[._]data)?$/,
  /^onnx\/model\.onnx(?:[._]data)?$/,
];

/** How a list of shards ends, which is no weights by itself. */
const INDEX = '.json';

function chooseFiles({ repository, files }: HubListing): HubFile[] {
  const named = (names: readonly string[]): HubFile[] => names.flatMap((name) => files.filter(({ path }) => path === name));
  const usual = named(BESIDE);
  const hasTokenizer = usual.some(({ path }) => path === 'tokenizer.json' || path === 'vocab.txt');
  const beside = hasTokenizer ? usual : [...usual, ...named(['vocab.json', 'merges.txt'])];
  if (!beside.some(({ path }) => path === 'config.json'))
    throw new HubError(`${repository} — expected config.json in it, got ${some(files)}. This is no repository of a transformers model.`);
  for (const pattern of WEIGHTS) {
    const weights = files.filter(({ path }) => pattern.test(path));
    if (weights.some(({ path }) => !path.endsWith(INDEX))) return [...beside, ...weights];
  }
  throw new HubError(
    `${repository} — expected model.safetensors, pytorch_model.bin or model.onnx in it, got ${some(files)}. Choose a repository with one of them.`,
  );
}

function some(files: readonly HubFile[]): string {
  return (
    files
      .map(({ path }) => shownName(path))
      .slice(0, 12)
      .join(', ') || 'no files'
  );
}

async function fetchFile(
  client: HubClient,
  listing: HubListing,
  path: string,
  file: CachedFile,
  tell: () => void,
  signal: AbortSignal,
): Promise<void> {
  let tries = 0;
  while (file.kept < file.size) {
    const from = file.kept;
    file.restart();
    try {
      const response = await client.open(listing, path, from, signal);
      await receive(response, from, file, tell, signal);
    } catch (error) {
      if (signal.aborted) throw cancelled();
      if (error instanceof HubError) throw error;
      tries = file.kept > from ? 0 : tries + 1;
      if (tries >= MOST_TRIES) throw brokenOff(path, file, error);
      await waitFor(FIRST_WAIT * 2 ** tries, signal);
    }
  }
}

async function receive(response: Response, from: number, file: CachedFile, tell: () => void, signal: AbortSignal): Promise<void> {
  // A server without ranges begins at the beginning.
  let skip = response.status === 206 ? 0 : from;
  const reader = response.body?.getReader();
  for (;;) {
    const { done = true, value } = (await reader?.read()) ?? {};
    if (signal.aborted) {
      await reader?.cancel();
      throw cancelled();
    }
    if (done || value === undefined) break;
    if (file.arrived + value.length - skip > file.size)
      throw new HubError(
        `a file of ${file.size} bytes — expected as many, got more. The hub's list and file differ; try another revision.`,
      );
    await file.append(value.subarray(Math.min(skip, value.length)));
    skip = Math.max(0, skip - value.length);
    tell();
  }
  if (file.kept < file.size) throw new NetworkError(`expected ${file.size} bytes, got ${file.arrived}.`);
}

function brokenOff(path: string, file: CachedFile, error: unknown): NetworkError {
  return new NetworkError(
    `${shownName(path)} — expected ${sizeInWords(file.size)}, got ${sizeInWords(file.kept)} before the connection broke (${error instanceof Error ? error.message : String(error)}). What arrived is kept; try again to go on.`,
  );
}

function waitFor(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
