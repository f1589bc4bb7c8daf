// `npm run bench`: measures the engines on this machine.
import { runTypescript } from './runTypescript.mjs';

await runTypescript('bench/speed/main.ts');
