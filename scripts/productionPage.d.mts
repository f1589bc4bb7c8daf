import type { Plugin } from 'vite';

/** The policy of the production page, directives separated by `; `. */
export const POLICY: string;
export function productionPage(): Plugin;
