import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { HEADERS, ISOLATION, productionPage } from './scripts/productionPage.mjs';

export default defineConfig({
  // Relative addresses, so that any folder of any host will do.
  base: './',
  // The build that computes on the CPU alone: half the size of the one with a GPU's code, and the judge uses nothing else.
  resolve: { alias: [{ find: /^onnxruntime-web$/, replacement: 'onnxruntime-web/wasm' }] },
  plugins: [react(), productionPage()],
  // The dev server injects scripts of its own, which the policy refuses.
  server: { headers: ISOLATION },
  preview: { headers: HEADERS },
  worker: { format: 'es' },
  build: { target: 'esnext', chunkSizeWarningLimit: 1500 },
  optimizeDeps: {
    // Packages that only workers import would be found late, and the dev server would reload the page under the user's first click.
    entries: ['index.html', 'workers/*.worker.ts'],
    // It finds its .wasm and its threads relative to its own file, which pre-bundling would move.
    exclude: ['onnxruntime-web'],
  },
});
