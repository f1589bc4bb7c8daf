// `npm run predict`: the paper's run as a PyTorch job, by counting alone (docs/scale.md).
import { runTypescript } from './runTypescript.mjs';

await runTypescript('bench/clusterTime.ts');
