/** Keeps two tabs, or two programs, from writing one run. */
export interface RunLocks {
  /** Takes the run for this session until it is released or the session dies. @returns undefined if another one has it */
  hold(run: string): Promise<Lease | undefined>;
  /** Whether any session has it now. */
  held(run: string): Promise<boolean>;
}

export interface Lease {
  release(): Promise<void>;
}

/** Locks for files that no other session can see. */
export function ownLocks(): RunLocks {
  const taken = new Set<string>();
  return {
    hold(run) {
      if (taken.has(run)) return Promise.resolve(undefined);
      taken.add(run);
      return Promise.resolve({
        release: () => {
          taken.delete(run);
          return Promise.resolve();
        },
      });
    },
    held: (run) => Promise.resolve(taken.has(run)),
  };
}

/** Web Locks: shared by all tabs of a site, and free again when a tab or its worker ends, however it ends. */
export function webLocks(prefix: string): RunLocks {
  return {
    hold: (run) =>
      new Promise((resolve, reject) => {
        const request = navigator.locks.request(`${prefix}/${run}`, { ifAvailable: true }, (lock) => {
          if (lock === null) {
            resolve(undefined);
            return undefined;
          }
          return new Promise<void>((free) => {
            resolve({
              release: async () => {
                free();
                await request;
              },
            });
          });
        });
        request.catch(reject);
      }),
    async held(run) {
      const { held = [] } = await navigator.locks.query();
      return held.some(({ name }) => name === `${prefix}/${run}`);
    },
  };
}
