import { TextError, type TextFile } from '../textFile.ts';
import type { ParquetAnswer, ParquetRequest } from './parquetRealm.ts';

/** Decoding a row group takes seconds; a damaged page may take for ever. */
const LONGEST_MS = 30_000;

interface Realm {
  post(request: ParquetRequest): void;
  listen(answer: (answer: ParquetAnswer) => void, fail: (message: string) => void): void;
  terminate(): void;
}

/** How this program's files end if it is run from its source; packed, they are JavaScript. */
const SOURCE = '.ts';

// Not a literal in the call: the bundler would copy the source file beside the page.
const NODE_ENTRY = `../../../workers/parquet.worker.${import.meta.url.endsWith(SOURCE) ? 'ts' : 'js'}`;

// Node's workers take no loader for their first file.
const NODE_START = `
const { workerData } = require('node:worker_threads');
if (workerData.loader === undefined) import(workerData.entry);
else
  import(workerData.loader).then(({ register }) => {
    register();
    return import(workerData.entry);
  });
`;

/** What loads TypeScript where this is run from its source. */
function loaderOf(entry: string): string | undefined {
  if (!entry.endsWith(SOURCE)) return undefined;
  const { createRequire } = process.getBuiltinModule('node:module');
  const { pathToFileURL } = process.getBuiltinModule('node:url');
  return new URL('dist/esm/api/index.mjs', pathToFileURL(createRequire(import.meta.url).resolve('tsx/package.json'))).href;
}

function startRealm(): Realm {
  if (typeof process !== 'undefined' && typeof process.getBuiltinModule === 'function') {
    const { Worker: NodeWorker } = process.getBuiltinModule('node:worker_threads');
    const entry = new URL(NODE_ENTRY, import.meta.url).href;
    const worker = new NodeWorker(NODE_START, {
      eval: true,
      workerData: { loader: loaderOf(entry), entry },
      resourceLimits: { maxOldGenerationSizeMb: 2048 },
    });
    worker.unref();
    return {
      post: (request) => worker.postMessage(request),
      listen: (answer, fail) => {
        worker.removeAllListeners();
        worker.on('message', answer);
        worker.on('error', (error) => fail(error instanceof Error ? error.message : String(error)));
      },
      terminate: () => void worker.terminate(),
    };
  }
  const worker = new Worker(new URL('../../../workers/parquet.worker.ts', import.meta.url), { type: 'module' });
  return {
    post: (request) => worker.postMessage(request),
    listen: (answer, fail) => {
      worker.addEventListener('message', (event: MessageEvent<ParquetAnswer>) => answer(event.data));
      worker.addEventListener('error', (event) => fail(event.message));
    },
    terminate: () => worker.terminate(),
  };
}

/**
 * A Parquet file, decoded in a worker of its own: no reader of this format is safe from pages that lie, so what hangs is
 * ended from outside, and the session goes on.
 */
export class ParquetFile {
  readonly #file: TextFile;
  readonly #realm: Realm;
  readonly #longestMs: number;
  #settle: ((answer: ParquetAnswer | Error) => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param longestMs between two signs of life of the decoder */
  constructor(file: TextFile, longestMs = LONGEST_MS) {
    this.#file = file;
    this.#longestMs = longestMs;
    this.#realm = startRealm();
    this.#realm.listen(
      (answer) => void this.#hear(answer),
      (message) => this.#finish(this.#damage(message)),
    );
  }

  /** Names of the string columns, and rows by row group. @throws TextError */
  async open(): Promise<{ readonly names: readonly string[]; readonly groups: readonly number[] }> {
    const answer = await this.#ask({ kind: 'open', size: this.#file.size });
    if (answer.kind !== 'opened') throw this.#damage('it did not open');
    return answer;
  }

  /** Rows [from, to) of string columns. @throws TextError */
  async rows(columns: readonly string[], from: number, to: number): Promise<readonly (readonly string[])[]> {
    const answer = await this.#ask({ kind: 'rows', columns, from, to });
    if (answer.kind !== 'table') throw this.#damage('it gave no table');
    return answer.rows;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#realm.terminate();
  }

  #ask(request: ParquetRequest): Promise<ParquetAnswer> {
    return new Promise((resolve, reject) => {
      this.#settle = (answer) => {
        if (answer instanceof Error) reject(answer);
        else resolve(answer);
      };
      this.#watch();
      this.#realm.post(request);
    });
  }

  async #hear(answer: ParquetAnswer): Promise<void> {
    clearTimeout(this.#timer);
    if (answer.kind === 'failed') this.#finish(this.#damage(answer.message));
    else if (answer.kind !== 'need') this.#finish(answer);
    else
      try {
        const bytes = await this.#file.read(answer.start, answer.end);
        this.#watch();
        this.#realm.post({ kind: 'bytes', id: answer.id, bytes });
      } catch (error) {
        this.#finish(error instanceof Error ? error : new Error(String(error)));
      }
  }

  #watch(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#realm.terminate();
      this.#finish(this.#damage(`a page takes more than ${this.#longestMs / 1000} s to decode`));
    }, this.#longestMs);
  }

  #finish(answer: ParquetAnswer | Error): void {
    clearTimeout(this.#timer);
    this.#settle?.(answer);
    this.#settle = undefined;
  }

  #damage(message: string): TextError {
    return new TextError(this.#file.path, `expected a whole Parquet file, got one that ends or differs (${message}). Download it again.`);
  }
}
