// The production page: its Content-Security-Policy, and its way of working offline, put in at build time.
import { readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

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

/** A Vite plugin; the dev server is left alone, because it injects scripts of its own. */
export function productionPage() {
  let folder = '';
  return {
    name: 'wid-studio:production-page',
    apply: 'build',
    configResolved(config) {
      folder = resolve(config.root, config.build.outDir);
    },
    transformIndexHtml: () => [
      { tag: 'meta', attrs: { 'http-equiv': 'Content-Security-Policy', content: POLICY }, injectTo: 'head-prepend' },
      { tag: 'script', attrs: { type: 'module', src: './registerOffline.js' }, injectTo: 'head' },
    ],
    closeBundle() {
      const files = readdirSync(join(folder, 'assets')).filter((name) => !LATER.test(name));
      writeFileSync(join(folder, 'offlineFiles.json'), JSON.stringify(files.map((name) => `./assets/${name}`)));
    },
  };
}
