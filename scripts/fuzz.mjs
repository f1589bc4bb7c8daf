// `npm run fuzz -- --seconds 60`: damaged files against every parser.
import { runTypescript } from './runTypescript.mjs';

await runTypescript('tests/fuzz/main.ts');
