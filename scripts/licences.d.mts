/** Production dependencies that are installed, by name. */
export function productionLicences(): readonly {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  readonly known: boolean;
}[];
