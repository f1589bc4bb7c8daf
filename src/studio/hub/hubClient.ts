import { shownName } from '../../tensor/shown.ts';
import { StudioError } from '../../tensor/studioError.ts';

/** Where repositories are fetched from when nothing else is said. */
export const HUGGING_FACE = 'https://huggingface.co';

/** A file of a repository. */
export interface HubFile {
  readonly path: string;
  readonly size: number;
  /** In hexadecimal; listed for large files (LFS) alone. */
  readonly sha256?: string;
}

/** A repository at one commit: what it holds never changes. */
export interface HubListing {
  readonly repository: string;
  readonly commit: string;
  readonly files: readonly HubFile[];
}

/** What the user gave is wrong: no such repository, no access, nothing in it that can be read. */
export class HubError extends StudioError {
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}) {
    super('hub', `hub: ${message}`, details);
  }
}

/** The hub could not be reached, or broke off. What has arrived is kept. */
export class NetworkError extends StudioError {
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}) {
    super('network', `hub: ${message}`, details);
  }
}

const NAME = /^[A-Za-z0-9][\w.-]{0,95}(?:\/[A-Za-z0-9][\w.-]{0,95})?$/;

/** @throws HubError if the text is no repository's id or address */
export function repositoryOf(text: string, endpoint: string): string {
  const trimmed = text.trim();
  const path = trimmed.startsWith(`${endpoint}/`)
    ? trimmed
        .slice(endpoint.length + 1)
        .split('/')
        .slice(0, 2)
        .join('/')
    : trimmed;
  if (NAME.test(path) && !path.includes('..')) return path;
  throw new HubError(
    `repository — expected an id such as google-bert/bert-base-uncased, got ${JSON.stringify(shownName(text))}. Correct it.`,
  );
}

/** True for what could be a repository's id. */
export function looksLikeRepository(text: string): boolean {
  return NAME.test(text) && !text.includes('..');
}

function isLocal({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '127.0.0.1' || hostname === '[::1]';
}

/** Requests to one hub for one user. */
export class HubClient {
  readonly endpoint: string;
  readonly #token: string | undefined;
  readonly #fetch: typeof fetch;

  /** @throws HubError if the endpoint is no web address, or a token would travel unencrypted */
  constructor(endpoint: string, token: string | undefined, fetchWith: typeof fetch) {
    const url = URL.parse(endpoint);
    if (url === null || !['https:', 'http:'].includes(url.protocol))
      throw new HubError(`endpoint — expected a web address, got ${JSON.stringify(shownName(endpoint))}. Correct it.`);
    if (token !== undefined && !/^[\x21-\x7e]+$/.test(token))
      throw new HubError('token — expected letters and digits, got something else. Copy it again.');
    if (token !== undefined && url.protocol === 'http:' && !isLocal(url))
      throw new HubError(`token — expected an https address to send it to, got ${url.origin}. Leave the token out, or use https.`);
    this.endpoint = endpoint.replace(/\/+$/, '');
    this.#token = token;
    this.#fetch = fetchWith;
  }

  /** @throws NetworkError if nothing answers, HubError if the answer is a refusal */
  async list(repository: string, revision: string, signal: AbortSignal): Promise<HubListing> {
    const response = await this.#get(`api/models/${repository}/revision/${encodeURIComponent(revision)}?blobs=true`, signal);
    await refuse(response, `${repository} at ${shownName(revision)}`);
    return listingOf(repository, await response.json().catch(() => undefined));
  }

  /** A file's bytes from `from` on; a server that knows no ranges starts at 0, and says so by its status of 200. */
  async open({ repository, commit }: HubListing, path: string, from: number, signal: AbortSignal): Promise<Response> {
    const address = `${repository}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`;
    const response = await this.#get(address, signal, from > 0 ? { range: `bytes=${from}-` } : {});
    await refuse(response, `${repository}/${shownName(path)}`);
    return response;
  }

  async #get(path: string, signal: AbortSignal, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    try {
      // Redirects go to other hosts, which see no token: fetch drops the header there.
      return await this.#fetch(`${this.endpoint}/${path}`, {
        signal,
        credentials: 'omit',
        referrerPolicy: 'no-referrer',
        headers: this.#token === undefined ? headers : { ...headers, authorization: `Bearer ${this.#token}` },
      });
    } catch (error) {
      if (signal.aborted) throw cancelled();
      throw new NetworkError(
        `${this.endpoint} — expected an answer, got none (${error instanceof Error ? error.message : String(error)}). Check the connection and try again.`,
      );
    }
  }
}

export function cancelled(): StudioError {
  return new StudioError('cancelled', 'hub: fetching was cancelled. What has arrived is kept; fetching again goes on from there.');
}

async function refuse(response: Response, what: string): Promise<void> {
  if (response.ok) return;
  await response.body?.cancel();
  const { status } = response;
  if (status === 401 || status === 403)
    throw new HubError(
      `${what} — expected access, got status ${status}. It does not exist, is private, or asks to accept terms on its page; give a token that may read it.`,
      { status },
    );
  if (status === 404) throw new HubError(`${what} — expected it on the hub, got status 404. Check its name and revision.`, { status });
  throw new NetworkError(`${what} — expected an answer, got status ${status}. Try again later.`, { status });
}

function listingOf(repository: string, json: unknown): HubListing {
  const fields = (value: unknown): Map<string, unknown> =>
    new Map(Object.entries(typeof value === 'object' && value !== null ? value : {}));
  const root = fields(json);
  const commit = root.get('sha');
  const siblings: unknown = root.get('siblings');
  if (typeof commit !== 'string' || !/^[\w.-]+$/.test(commit) || !Array.isArray(siblings))
    throw new HubError(`${repository} — expected a list of files, got something else. Is this a hub with Hugging Face's layout?`);
  const files = siblings.flatMap((sibling: unknown) => {
    const entry = fields(sibling);
    const path = entry.get('rfilename');
    const size = entry.get('size');
    if (typeof path !== 'string' || typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return [];
    const sha256 = fields(entry.get('lfs')).get('sha256');
    return [{ path, size, ...(typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256) ? { sha256 } : {}) }];
  });
  return { repository, commit, files };
}
