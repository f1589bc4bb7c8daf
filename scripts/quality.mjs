// `npm run quality`: the table of modes and baselines on the demo teacher and prose.
import { runTypescript } from './runTypescript.mjs';

await runTypescript('bench/quality/main.ts');
