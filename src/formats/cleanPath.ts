import { shownName } from '../tensor/shown.ts';
import { StudioError } from '../tensor/studioError.ts';

/**
 * A path for the inside of a zip: no way out of its folder, nothing that a system's file names cannot hold.
 * @throws StudioError if nothing of it is left
 */
export function cleanPath(path: string): string {
  const parts = path
    .split(/[\\/]/)
    // Windows refuses these characters, and names that end with a dot or a space.
    .map((part) => part.replace(/[\p{Cc}\p{Cf}\p{Cs}<>:"|?*]/gu, '_').replace(/[. ]+$/, ''))
    .filter((part) => part !== '');
  if (parts.length === 0) throw new StudioError('zip', `zip: expected a name for a file, got ${JSON.stringify(shownName(path))}.`);
  return parts.join('/');
}
