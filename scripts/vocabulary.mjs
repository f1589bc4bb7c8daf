// `npm run vocabulary`: what a cut of the demo's vocabulary does to size, text and students; its page goes to docs/results.
import { runTypescript } from './runTypescript.mjs';

await runTypescript('bench/vocabulary.ts');
