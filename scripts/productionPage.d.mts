import type { Plugin } from 'vite';

/** The policy of the production page, directives separated by `; `. */
export const POLICY: string;
export const ISOLATION: Readonly<Record<string, string>>;
/** Isolation and policy, as a host should send them. */
export const HEADERS: Readonly<Record<string, string>>;
export function productionPage(): Plugin;
