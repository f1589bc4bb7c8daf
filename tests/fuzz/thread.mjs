// A thread does not inherit the loader that its parent reads TypeScript by.
import { register } from 'tsx/esm/api';

register();
await import('./fuzzThread.ts');
