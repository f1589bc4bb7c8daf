import { hexOf } from '../../tensor/bytes.ts';
import { sha256 } from '@noble/hashes/sha2.js';
import { shownName } from '../../tensor/shown.ts';
import type { CachedFile } from './hubCache.ts';
import { cancelled, HubError, type HubFile } from './hubClient.ts';

const STRETCH = 8 * 2 ** 20;

/**
 * Compares a fetched file with the SHA-256 that the hub lists, which it does for large ones (LFS); others pass. WebCrypto
 * would want the whole file in memory at once.
 * @throws HubError if they differ: what has arrived of it is gone then
 */
export async function checkDigest({ path, sha256: wanted }: HubFile, file: CachedFile, signal: AbortSignal): Promise<void> {
  if (wanted === undefined) return;
  const hash = sha256.create();
  for (let at = 0; at < file.size; at += STRETCH) {
    hash.update(await file.read(at, Math.min(file.size, at + STRETCH)));
    // A turn of the event loop, so that a cancel can arrive.
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
    if (signal.aborted) throw cancelled();
  }
  const got = hexOf(hash.digest());
  if (got === wanted) return;
  await file.discard();
  throw new HubError(
    `${shownName(path)} — expected SHA-256 ${wanted.slice(0, 12)}..., as the hub lists it, got ${got.slice(0, 12)}.... It was deleted; fetch it again.`,
    { wanted, got },
  );
}
