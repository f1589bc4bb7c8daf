// The production page: its headers, its Content-Security-Policy among them, and its way of working offline, put in at build time.
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** Where a checkpoint may be fetched from by its id; files are served from the second and third by redirect. */
const HUGGING_FACE = ['https://huggingface.co', 'https://*.huggingface.co', 'https://*.hf.co'];

/** onnxruntime-web is megabytes: kept for offline use once it was needed, not fetched beforehand. */
const LATER = /^ort/;

export const POLICY = [
  "default-src 'none'",
  // WebAssembly compiles; text never becomes code.
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  // The widgets measure scroll bars with style elements of their own, which a static page cannot give a nonce.
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  `connect-src 'self' ${HUGGING_FACE.join(' ')}`,
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** Shared memory, and with it CPU threads, exists on cross-origin isolated pages alone. */
export const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** What a host should send with every file: a worker goes by the headers of its own file, not by the policy inside the page. */
export const HEADERS = { ...ISOLATION, 'Content-Security-Policy': POLICY };

/** What offlineWorker.js holds in the policy's place. */
const POLICY_HERE = "'%POLICY%'";

/** The headers in the words of hosts: Netlify and Cloudflare Pages read the first by its name, nginx includes the second. */
const HOST_FILES = {
  _headers: `/*\n${Object.entries(HEADERS)
    .map(([name, value]) => `  ${name}: ${value}\n`)
    .join('')}`,
  'headers.nginx.conf': Object.entries(HEADERS)
    .map(([name, value]) => `add_header ${name} "${value}" always;\n`)
    .join(''),
};

/** A Vite plugin; the dev server is left alone, because it injects scripts of its own. */
export function productionPage() {
  return {
    name: 'wid-studio:production-page',
    apply: 'build',
    transformIndexHtml: () => [
      { tag: 'meta', attrs: { 'http-equiv': 'Content-Security-Policy', content: POLICY }, injectTo: 'head-prepend' },
      { tag: 'script', attrs: { type: 'module', src: './registerOffline.js' }, injectTo: 'head' },
    ],
    // After a build that failed this is not called, so that its own error is the one that is shown.
    writeBundle({ dir }, bundle) {
      const worker = join(dir, 'offlineWorker.js');
      const source = readFileSync(worker, 'utf8');
      if (!source.includes(POLICY_HERE)) throw new Error(`${worker}: expected ${POLICY_HERE}, where the policy goes, got none.`);
      writeFileSync(
        worker,
        source.replace(POLICY_HERE, () => JSON.stringify(POLICY)),
      );
      for (const [name, text] of Object.entries(HOST_FILES)) writeFileSync(join(dir, name), text);
      const files = Object.keys(bundle).filter((path) => path.startsWith('assets/') && !LATER.test(basename(path)));
      writeFileSync(join(dir, 'offlineFiles.json'), JSON.stringify(files.map((path) => `./${path}`)));
    },
  };
}
