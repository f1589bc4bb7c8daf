import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser, type Worker } from 'playwright-core';
import { preview, type PreviewServer } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dropFiles } from './browser.ts';
import { BROWSER_ARGS, findBrowser } from '../../scripts/browser.mjs';
import { HEADERS, POLICY } from '../../scripts/productionPage.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CHECKPOINT = fileURLToPath(new URL('../golden/checkpoints/encoder-only/', import.meta.url));
/** Bytes, gzip: what a first visit may cost before onnxruntime-web, which loads when needed, and the demo, which loads when asked for. */
const FIRST_LOAD = 400_000;

let browser: Browser;
let server: PreviewServer;
let url = '';

/** A host like many: static files, no headers for isolation. */
async function plainHost(): Promise<void> {
  server = await preview({ root: ROOT, configFile: false, logLevel: 'error', preview: { port: 0, host: '127.0.0.1', open: false } });
  url = server.resolvedUrls?.local[0] ?? '';
}

beforeAll(async () => {
  await plainHost();
  browser = await chromium.launch({ executablePath: await findBrowser(), args: [...BROWSER_ARGS] });
});
afterAll(async () => {
  await browser.close();
  await server.close();
});

test('the page carries its policy: text never becomes code, connections go home or to Hugging Face', async () => {
  expect(POLICY).not.toContain("'unsafe-eval'");
  const page = await browser.newPage();
  const faults: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text());
  });
  await page.goto(url);
  // After the one reload that isolates it.
  await page.waitForFunction(() => crossOriginIsolated);
  await page.waitForSelector('#root > *');
  expect(await page.getAttribute('meta[http-equiv="Content-Security-Policy"]', 'content')).toBe(POLICY);
  expect(faults).toEqual([]);
  const tried = await page.evaluate(async () => {
    const refused: string[] = [];
    document.addEventListener('securitypolicyviolation', (event) => refused.push(event.effectiveDirective));
    const script = document.createElement('script');
    script.textContent = 'globalThis.ranInline = true';
    document.head.append(script);
    const module = await WebAssembly.compile(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
    await fetch('https://example.com/').catch(() => undefined);
    // Reports of refusals come as events of their own.
    for (let wait = 0; wait < 100 && !refused.includes('connect-src'); wait++) await new Promise((resolve) => setTimeout(resolve, 100));
    // The policy in the page and the one of the service worker refuse, each for itself.
    return { ran: 'ranInline' in globalThis, compiled: module instanceof WebAssembly.Module, refused: [...new Set(refused)] };
  });
  expect(tried).toEqual({ ran: false, compiled: true, refused: ['script-src-elem', 'connect-src'] });
  await page.close();
});

/** What a worker of the page may not do; the refusal is told from a host that is not there by its event. */
function tryToLeave(worker: Worker): Promise<{ readonly refused: string; readonly evaluated: boolean }> {
  return worker.evaluate(async () => {
    const refused = new Promise<string>((resolve) => {
      addEventListener('securitypolicyviolation', (event) => {
        if (event instanceof SecurityPolicyViolationEvent && event.effectiveDirective === 'connect-src') resolve('connect-src');
      });
      setTimeout(() => resolve('nothing within 10 seconds'), 10_000);
    });
    await fetch('https://example.com/').catch(() => undefined);
    let evaluated = true;
    // What the debugger evaluates may evaluate text until it returns.
    await new Promise((resolve) => setTimeout(resolve, 0));
    try {
      Reflect.construct(Function, ['return 1']);
    } catch {
      evaluated = false;
    }
    return { refused: await refused, evaluated };
  });
}

test('without headers of the host, workers are bound by the policy too, and threads, import and export work under it', async () => {
  const page = await browser.newPage();
  const faults: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('example.com')) faults.push(message.text());
  });
  await page.goto(url);
  await page.waitForFunction(() => crossOriginIsolated);
  await page
    .getByTestId('engine')
    .filter({ hasText: /threads/ })
    .waitFor();
  const workers = page.workers();
  // The session and a thread of the CPU engine at least.
  expect(workers.filter((worker) => worker.url().includes('studio.worker'))).toHaveLength(1);
  expect(workers.filter((worker) => worker.url().includes('kernel.worker')).length).toBeGreaterThan(0);
  const session = workers.find((worker) => worker.url().includes('studio.worker'));
  if (session === undefined) throw new Error('production: expected the session worker, got none');
  expect(await tryToLeave(session)).toEqual({ refused: 'connect-src', evaluated: false });

  await dropFiles(
    page,
    readdirSync(CHECKPOINT).map((name) => `${CHECKPOINT}${name}`),
  );
  await page.getByText('3 layers · 32 wide · 4 heads · FFN 48').waitFor();
  await page.getByTestId('export-teacher').click();
  await page.getByTestId('download').waitFor();
  expect(faults).toEqual([]);
  await page.close();
});

test('the build writes the headers for hosts that can send them, and the preview server sends them', async () => {
  const lines = readFileSync(`${ROOT}dist/_headers`, 'utf8').trimEnd().split('\n');
  expect(lines).toEqual(['/*', ...Object.entries(HEADERS).map(([name, value]) => `  ${name}: ${value}`)]);
  const nginx = readFileSync(`${ROOT}dist/headers.nginx.conf`, 'utf8');
  for (const [name, value] of Object.entries(HEADERS)) expect(nginx).toContain(`add_header ${name} "${value}" always;`);
  const full = await preview({ root: ROOT, logLevel: 'error', preview: { port: 0, host: '127.0.0.1', open: false } });
  const context = await browser.newContext({ serviceWorkers: 'block' });
  try {
    const page = await context.newPage();
    const answer = await page.goto(full.resolvedUrls?.local[0] ?? '');
    expect(answer?.headers()['content-security-policy']).toBe(POLICY);
    // Not through the service worker, and not after a reload: the first worker is bound.
    const session = page.workers()[0] ?? (await page.waitForEvent('worker'));
    expect(await tryToLeave(session)).toEqual({ refused: 'connect-src', evaluated: false });
  } finally {
    await context.close();
    await full.close();
  }
});

test('a first visit costs under 400 kB gzip', async () => {
  const page = await browser.newPage();
  // By address: the reload that isolates the page finds most of it kept.
  const loaded = new Map<string, Promise<number>>();
  page.on('response', (response) => {
    if (response.ok())
      loaded.set(
        response.url(),
        response.body().then((body) => gzipSync(body).length),
      );
  });
  await page.goto(url);
  await page.waitForFunction(() => crossOriginIsolated);
  await page.waitForLoadState('networkidle');
  const bytes = (await Promise.all(loaded.values())).reduce((sum, size) => sum + size, 0);
  console.log(`first load: ${(bytes / 1000).toFixed(0)} kB gzip in ${loaded.size} files`);
  expect([...loaded.keys()].some((address) => /\/ort[^/]*$/.test(address))).toBe(false);
  expect(loaded.size).toBeGreaterThan(3);
  expect(bytes).toBeLessThan(FIRST_LOAD);
  await page.close();
});

test('on a host without headers the page becomes isolated by itself, and opens again when the host is gone', async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(url);
  await page.waitForFunction(() => crossOriginIsolated);
  await page.waitForSelector('#root > *');
  await server.close();
  try {
    await page.reload();
    await page.waitForSelector('#root > *');
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  } finally {
    await context.close();
    await plainHost();
  }
});
