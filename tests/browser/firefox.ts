import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFirefox } from '../../scripts/browser.mjs';
import { softwareGpuFor } from '../engines/softwareGpu.ts';

/** Milliseconds after which something has hung. It measures nothing: machines that others share are slow. */
const PATIENCE = 600_000;
const GLANCE = 200;

/** Firefox's program, or nothing where there is none; then the tests of it say that they were skipped. */
export const FIREFOX = findFirefox();
if (FIREFOX === undefined) console.warn('SKIPPED: nothing was tested in Firefox, since none was found. Install one, or set WID_FIREFOX.');

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * A tab of a stock Firefox, driven by WebDriver BiDi, which Firefox speaks itself: playwright-core drives a Firefox of its own
 * build alone, puppeteer-core needs a newer Node than this project or 50 packages, and Selenium another program.
 */
export interface FirefoxTab {
  goto(url: string): Promise<void>;
  reload(): Promise<void>;
  /** Calls a function of the page with JSON for arguments. It may be a promise's. */
  evaluate<Given extends readonly Json[], Result>(work: (...given: Given) => Result | Promise<Result>, ...given: Given): Promise<Result>;
  /** A real click in the middle of what a CSS selector names, once it is there, enabled and in sight. */
  click(selector: string): Promise<void>;
  /** Types into what a CSS selector names, in place of what it held, and confirms. */
  type(selector: string, text: string): Promise<void>;
  /** What is shown in a place, once `fits` says so. @throws Error with what was shown instead */
  shown(testId: string, fits?: (text: string) => boolean): Promise<string>;
  /** An attribute of what a CSS selector names, once it is as awaited. */
  attribute(selector: string, name: string, awaited: string | RegExp): Promise<string>;
  /** Errors that pages threw or logged. */
  readonly faults: readonly string[];
  /** The path of the next download, once it is complete. */
  download(): Promise<string>;
}

export interface Firefox {
  readonly version: string;
  readonly tab: FirefoxTab;
  close(): Promise<void>;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** @returns the value at a path of names in an answer. @throws TypeError if it is no text */
function textAt(answer: unknown, ...path: readonly (string | number)[]): string {
  let at = answer;
  for (const name of path) at = isRecord(at) ? at[String(name)] : undefined;
  if (typeof at !== 'string') throw new TypeError(`Firefox: expected a text at ${path.join('.')}, got ${JSON.stringify(answer)}`);
  return at;
}

/** One connection of WebDriver BiDi: numbered commands, their answers, and events in between. */
class Connection {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, { readonly resolve: (answer: unknown) => void; readonly reject: (error: Error) => void }>();
  readonly #heard: ((method: string, params: unknown) => void)[] = [];
  #sent = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => this.#take(JSON.parse(String(data))));
    socket.addEventListener('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('Firefox: it ended.'));
    });
  }

  static async open(url: string): Promise<Connection> {
    const socket = new WebSocket(url);
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve);
      socket.addEventListener('error', () => reject(new Error(`Firefox: no connection to ${url}`)));
    });
    return new Connection(socket);
  }

  #take(message: unknown): void {
    if (!isRecord(message)) return;
    const { id, method, params, result, error } = message;
    if (typeof method === 'string') for (const hear of this.#heard) hear(method, params);
    if (typeof id !== 'number') return;
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(`Firefox: ${JSON.stringify(error)} — ${JSON.stringify(message['message'])}`));
  }

  send(method: string, params: Readonly<Record<string, Json>>): Promise<unknown> {
    const id = ++this.#sent;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  on(hear: (method: string, params: unknown) => void): void {
    this.#heard.push(hear);
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

class Tab implements FirefoxTab {
  readonly faults: string[] = [];
  readonly #bidi: Connection;
  readonly #context: string;
  readonly #downloads: ((path: string) => void)[] = [];

  constructor(bidi: Connection, context: string) {
    this.#bidi = bidi;
    this.#context = context;
    bidi.on((method, params) => {
      if (method === 'log.entryAdded' && isRecord(params) && params['level'] === 'error') this.faults.push(String(params['text']));
      if (method === 'browsingContext.downloadEnd') this.#downloads.shift()?.(textAt(params, 'filepath'));
    });
  }

  async goto(url: string): Promise<void> {
    await this.#bidi.send('browsingContext.navigate', { context: this.#context, url, wait: 'complete' });
  }

  async reload(): Promise<void> {
    await this.#bidi.send('browsingContext.reload', { context: this.#context, wait: 'complete' });
  }

  async evaluate<Given extends readonly Json[], Result>(
    work: (...given: Given) => Result | Promise<Result>,
    ...given: Given
  ): Promise<Result> {
    const answer = await this.#bidi.send('script.callFunction', {
      // JSON both ways: its own form of values says the type of each.
      functionDeclaration: `async (given) => JSON.stringify(await (${String(work)})(...JSON.parse(given)) ?? null)`,
      arguments: [{ type: 'string', value: JSON.stringify(given) }],
      awaitPromise: true,
      target: { context: this.#context },
    });
    if (isRecord(answer) && answer['type'] === 'exception')
      throw new Error(`Firefox: the page threw ${textAt(answer, 'exceptionDetails', 'text')}`);
    const result: unknown = JSON.parse(textAt(answer, 'result', 'value'));
    // What the page's function returned: its type crosses the wire unseen.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return result as Result;
  }

  /** The only element of a selector that can be clicked, in sight. */
  async #ready(selector: string): Promise<Json> {
    const isReady = (css: string): boolean => {
      const found = [...document.querySelectorAll(css)].filter((each) => each.checkVisibility() && !each.matches(':disabled'));
      found[0]?.scrollIntoView({ block: 'center' });
      return found.length > 0;
    };
    await poll(`${selector} to be there and enabled`, async () => ((await this.evaluate(isReady, selector)) ? true : undefined));
    const answer = await this.#bidi.send('browsingContext.locateNodes', {
      context: this.#context,
      locator: { type: 'css', value: selector },
      maxNodeCount: 1,
    });
    return { type: 'element', element: { sharedId: textAt(answer, 'nodes', 0, 'sharedId') } };
  }

  async click(selector: string): Promise<void> {
    const origin = await this.#ready(selector);
    const actions = [
      { type: 'pointerMove', x: 0, y: 0, origin },
      { type: 'pointerDown', button: 0 },
      { type: 'pointerUp', button: 0 },
    ];
    await this.#bidi.send('input.performActions', {
      context: this.#context,
      actions: [{ type: 'pointer', id: 'mouse', actions }],
    });
  }

  async type(selector: string, text: string): Promise<void> {
    await this.click(selector);
    await this.evaluate((css) => {
      const field = document.querySelector(css);
      if (field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement) field.select();
    }, selector);
    // U+E007 is the key Enter.
    const actions = [...Array.from(text), '\uE007'].flatMap((value) => [
      { type: 'keyDown', value },
      { type: 'keyUp', value },
    ]);
    await this.#bidi.send('input.performActions', { context: this.#context, actions: [{ type: 'key', id: 'keys', actions }] });
  }

  async shown(testId: string, fits: (text: string) => boolean = () => true): Promise<string> {
    let last: string | null = null;
    const look = async (): Promise<string | undefined> => {
      last = await this.evaluate((id) => document.querySelector(`[data-testid=${id}]`)?.textContent ?? null, testId);
      return last !== null && fits(last) ? last : undefined;
    };
    return poll(
      () => `${testId} to show what is awaited, where it shows ${JSON.stringify(last)} (the page logged ${this.faults.join('; ')})`,
      look,
    );
  }

  async attribute(selector: string, name: string, awaited: string | RegExp): Promise<string> {
    let last: string | null = null;
    const look = async (): Promise<string | undefined> => {
      last = await this.evaluate((css, attribute) => document.querySelector(css)?.getAttribute(attribute) ?? null, selector, name);
      return last !== null && (typeof awaited === 'string' ? last === awaited : awaited.test(last)) ? last : undefined;
    };
    return poll(
      () => `${name} of ${selector} to be ${String(awaited)}, where it is ${last} (the page logged ${this.faults.join('; ')})`,
      look,
    );
  }

  download(): Promise<string> {
    return new Promise((resolve) => this.#downloads.push(resolve));
  }
}

/** Asks again and again until there is an answer. @throws Error with what was awaited */
export async function poll<T>(what: string | (() => string), ask: () => Promise<T | undefined>): Promise<T> {
  const end = performance.now() + PATIENCE;
  while (performance.now() < end) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await sleep(GLANCE);
  }
  throw new Error(`Firefox: expected ${typeof what === 'string' ? what : what()}`);
}

/** The address that Firefox writes once it listens. */
function listening(firefox: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    firefox.stderr?.on('data', (piece) => {
      said += String(piece);
      const url = /WebDriver BiDi listening on (ws:\S+)/.exec(said)?.[1];
      if (url !== undefined) resolve(url);
    });
    firefox.on('exit', () => reject(new Error(`Firefox: it ended before it listened: ${said.trim().split('\n').at(-1) ?? ''}`)));
  });
}

/**
 * A headless Firefox with a fresh profile and one tab. WebGPU is switched on, as it is by default on Windows and macOS, and
 * finds the software GPU that the other tests have. What would go to the network by itself is off: Firefox sets those preferences
 * where it is driven.
 */
export async function openFirefox(): Promise<Firefox> {
  if (FIREFOX === undefined) throw new Error('Firefox: none was found. Install one, or set WID_FIREFOX.');
  const scratch = mkdtempSync(join(tmpdir(), 'wid-studio-firefox-'));
  const [profile, downloads] = [join(scratch, 'profile'), join(scratch, 'downloads')];
  mkdirSync(profile);
  mkdirSync(downloads);
  const preferences = {
    'dom.webgpu.enabled': true,
    'gfx.webgpu.ignore-blocklist': true,
    'browser.download.folderList': 2,
    'browser.download.dir': downloads,
  };
  writeFileSync(
    join(profile, 'user.js'),
    Object.entries(preferences)
      .map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`)
      .join(''),
  );
  const gpu = await softwareGpuFor();
  const program = spawn(FIREFOX, ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0', 'about:blank'], {
    env: { ...process.env, ...gpu.env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise((resolve) => program.on('exit', resolve));
  const bidi = await Connection.open(`${await listening(program)}/session`);
  const session = await bidi.send('session.new', { capabilities: {} });
  await bidi.send('session.subscribe', { events: ['log.entryAdded', 'browsingContext.downloadEnd'] });
  const tree = await bidi.send('browsingContext.getTree', {});
  return {
    version: textAt(session, 'capabilities', 'browserVersion'),
    tab: new Tab(bidi, textAt(tree, 'contexts', 0, 'context')),
    async close() {
      // It may be gone before it has answered.
      await bidi.send('browser.close', {}).catch(() => {});
      await ended;
      gpu.remove();
      rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
