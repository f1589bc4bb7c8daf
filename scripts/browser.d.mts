/** Path of a browser program; installs one when there is none. Throws an Error with one sentence that names the cure. */
export function findBrowser(): Promise<string>;
/** Path of a Firefox, or nothing; installs Debian's when there is none. Throws an Error if WID_FIREFOX names no program. */
export function findFirefox(): string | undefined;
export const BROWSER_ARGS: readonly string[];
