// `npm run screens`: the documentation's pictures, out of the built page (run `npm run build` first).
import { runTypescript } from './runTypescript.mjs';

await runTypescript('tests/browser/screens.ts');
