import { StudioError } from '../../tensor/studioError.ts';

/**
 * What onnxruntime-web threw, in its words: a file that it fails at is withheld, and the rest of an export leaves.
 * @throws the error itself where it is the session's own: cancelled, a lost device
 */
export function faultOfRuntime(error: unknown): string {
  if (error instanceof StudioError && error.code !== 'verification') throw error;
  return error instanceof Error ? error.message : String(error);
}

/** The sentence about the node where a file begins to differ, or about why the search for it failed. */
export async function whereItStarts(search: () => Promise<string | undefined>): Promise<string> {
  try {
    const node = await search();
    return node === undefined ? '' : ` It starts at the node ${node}.`;
  } catch (error) {
    return ` The search for the node where it starts failed: ${faultOfRuntime(error)}`;
  }
}
