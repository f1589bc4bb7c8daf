// `npm run rank`: students of the demo teacher by the rank of what training adds to their compactors.
import { runTypescript } from './runTypescript.mjs';

await runTypescript('bench/rank.ts');
