// `npm run scale`: BERT-base's shape through calibration and three steps on the CPU engine.
import { runTypescript } from './runTypescript.mjs';

await runTypescript('bench/scale.ts');
