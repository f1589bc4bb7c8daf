import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';

/** What a request looked like from outside. */
export interface Seen {
  readonly host: 'hub' | 'store';
  readonly address: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

export interface LocalHub {
  readonly endpoint: string;
  /** Chromium's switches that lead {@link REAL_NAMES} to this hub. */
  readonly browserArgs: readonly string[];
  readonly seen: Seen[];
  /** Breaks the connection after so many bytes of each answer's body; a count of answers to spoil. */
  spoil(afterBytes: number, answers: number): void;
  /** Answers with this status until 0 is set. */
  failWith(status: number): void;
  /** Answers ranges by the whole file. */
  ignoreRanges(): void;
  /** Sends files with one byte changed, under the digest of the right ones, until told otherwise. */
  damage(on: boolean): void;
  /** New contents under the same revision. */
  publish(files: ReadonlyMap<string, Uint8Array>): void;
  close(): Promise<void>;
}

const WEIGHTS = /\.(safetensors|bin|onnx)$/;

/** The addresses under which the page's policy lets a teacher be fetched: of the hub, and of what it redirects to. */
const REAL_NAMES = { hub: 'huggingface.co', store: 'cdn-lfs.hf.co' } as const;

/**
 * A hub of the same URL layout as Hugging Face's on two ports: one answers for lists and small files, and sends whoever
 * wants weights to the other, as the real one does.
 * @param named over TLS and under {@link REAL_NAMES}, for a browser with `browserArgs`; otherwise under 127.0.0.1
 */
export async function localHub(
  repository: string,
  given: ReadonlyMap<string, Uint8Array>,
  token?: string,
  named = false,
): Promise<LocalHub> {
  const seen: Seen[] = [];
  let files = given;
  let spoilt = { after: 0, answers: 0 };
  let status = 0;
  let ranges = true;
  let damaged = false;
  const commitOf = (): string => {
    const hash = createHash('sha1');
    for (const [path, bytes] of files) hash.update(path).update(bytes);
    return hash.digest('hex');
  };
  const note = (host: Seen['host'], request: IncomingMessage): void =>
    void seen.push({ host, address: request.url ?? '', range: request.headers.range, authorization: request.headers.authorization });
  const cors = { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*', 'access-control-expose-headers': '*' };
  const send = (request: IncomingMessage, response: ServerResponse, bytes: Uint8Array): void => {
    const from = ranges ? Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0) : 0;
    const body = bytes.subarray(from);
    response.writeHead(from > 0 ? 206 : 200, {
      ...cors,
      'content-length': body.length,
      ...(from > 0 ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {}),
    });
    if (spoilt.answers > 0 && body.length > spoilt.after) {
      spoilt = { ...spoilt, answers: spoilt.answers - 1 };
      response.write(body.subarray(0, spoilt.after), () => setTimeout(() => response.destroy(), 20));
    } else response.end(body);
  };
  const listen = async (
    host: Seen['host'],
    handler: (request: IncomingMessage, response: ServerResponse) => void,
  ): Promise<[Server, string, number]> => {
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      if (request.method === 'OPTIONS') response.writeHead(204, cors).end();
      else handler(request, response);
    };
    const pem = named ? readFileSync(new URL('certificate.pem', import.meta.url)) : undefined;
    const server = pem === undefined ? createServer(answer) : createSecureServer({ key: pem, cert: pem }, answer);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (typeof address !== 'object' || address === null) throw new Error('local hub: no port');
    return [server, named ? `https://${REAL_NAMES[host]}` : `http://127.0.0.1:${address.port}`, address.port];
  };
  const [store, storeAddress, storePort] = await listen('store', (request, response) => {
    note('store', request);
    const bytes = files.get(decodeURIComponent((request.url ?? '').slice(1)));
    if (bytes === undefined) response.writeHead(404, cors).end();
    else send(request, response, damaged ? bytes.map((byte, at) => (at === bytes.length - 1 ? byte ^ 1 : byte)) : bytes);
  });
  const [hub, endpoint, hubPort] = await listen('hub', (request, response) => {
    note('hub', request);
    if (status !== 0) return void response.writeHead(status, cors).end();
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) return void response.writeHead(401, cors).end();
    const { pathname } = new URL(request.url ?? '', endpoint);
    if (pathname === `/api/models/${repository}/revision/main`) {
      // As the real one, with a digest for files in large storage.
      const siblings = [...files].map(([rfilename, bytes]) => ({
        rfilename,
        size: bytes.length,
        lfs: WEIGHTS.test(rfilename) ? { size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') } : undefined,
      }));
      return void response
        .writeHead(200, { ...cors, 'content-type': 'application/json' })
        .end(JSON.stringify({ id: repository, sha: commitOf(), siblings }));
    }
    const path = decodeURIComponent(pathname).replace(`/${repository}/resolve/${commitOf()}/`, '');
    const bytes = files.get(path);
    if (bytes === undefined) return void response.writeHead(404, cors).end();
    if (WEIGHTS.test(path)) return void response.writeHead(302, { ...cors, location: `${storeAddress}/${encodeURIComponent(path)}` }).end();
    return send(request, response, bytes);
  });
  return {
    endpoint,
    browserArgs: [
      `--host-resolver-rules=MAP ${REAL_NAMES.hub}:443 127.0.0.1:${hubPort}, MAP ${REAL_NAMES.store}:443 127.0.0.1:${storePort}`,
      '--ignore-certificate-errors',
    ],
    seen,
    spoil: (after, answers) => {
      spoilt = { after, answers };
    },
    failWith: (code) => {
      status = code;
    },
    ignoreRanges: () => {
      ranges = false;
    },
    damage: (on) => {
      damaged = on;
    },
    publish: (next) => {
      files = next;
    },
    async close() {
      for (const server of [hub, store]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}
