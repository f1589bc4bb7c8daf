import { homedir } from 'node:os';
import { join } from 'node:path';

/** A folder for what can be made or fetched again, in the user's cache folder by the XDG convention. */
export function cacheFolder(name: string): string {
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'wid-studio', name);
}
