/** Path of a browser program; installs one when there is none. Throws an Error with one sentence that names the cure. */
export function findBrowser(): Promise<string>;
export const BROWSER_ARGS: readonly string[];
