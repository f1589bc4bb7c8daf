/** An error as it crosses the worker boundary. `code` is stable, `message` is for people. */
export interface StudioFault {
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}
