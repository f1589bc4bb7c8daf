#!/usr/bin/env node
// `npm run compress -- ...`: the studio in a terminal.
import { runTypescript } from './runTypescript.mjs';

await runTypescript('src/cli/main.ts');
