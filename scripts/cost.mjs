// `npm run cost`: WID's step against the cost model's count and against the inserted form.
import { runTypescript } from './runTypescript.mjs';

await runTypescript('bench/widCost.ts');
