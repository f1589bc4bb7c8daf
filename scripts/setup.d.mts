/** Whether `engines` of package.json covers this version of Node. */
export function fitsNode(version: string): boolean;

/** What a lock file of npm records of a package. */
interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly optional?: boolean;
}

type LockedPackages = Readonly<Record<string, LockedPackage>>;

export function packagesOf(file: string): LockedPackages;

export function fitsLock(locked: LockedPackages, installed: LockedPackages): boolean;
