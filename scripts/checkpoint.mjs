// `npm run checkpoint`: what keeping a run costs its steps, in Chromium and for a large model.
import { runTypescript } from './runTypescript.mjs';

await runTypescript('bench/checkpoint.ts');
