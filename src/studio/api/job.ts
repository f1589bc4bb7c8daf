/** A run as a folder for PyTorch, in a zip. */
export interface JobResult {
  /** Folder name. */
  readonly name: string;
  readonly zip: Blob;
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
}
