import type { Remembered } from '../../engines/remembered.ts';
import type { RunFiles } from '../runs/runFiles.ts';
import type { Lease, RunLocks } from '../runs/runLocks.ts';

/** Another session holds the file for as long as it takes to read and write it. */
const PATIENCE_MS = 3000;
const PAUSE_MS = 10;

/**
 * Facts in one file that all sessions of this machine share. A folder that can't be read or written, or a file that
 * another session does not let go of, means facts for this session only.
 *
 * @param locks of the folder; the file's lock is called as the file is
 */
export function rememberedFiles(files: RunFiles, locks: RunLocks, name = 'machine.json'): Remembered {
  /** What could not be written. */
  const own = new Map<string, string>();
  const load = async (): Promise<Map<string, string>> => {
    const facts = new Map<string, string>();
    try {
      const found: unknown = JSON.parse(new TextDecoder().decode(await files.read(name)));
      if (typeof found === 'object' && found !== null)
        for (const [key, value] of Object.entries(found)) if (typeof value === 'string') facts.set(key, value);
    } catch {
      // No file yet, or one that is no use.
    }
    return facts;
  };
  const hold = async (): Promise<Lease | undefined> => {
    for (const deadline = performance.now() + PATIENCE_MS; performance.now() < deadline;) {
      const lease = await locks.hold(name);
      if (lease !== undefined) return lease;
      await new Promise<void>((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    return undefined;
  };
  return {
    async recall(key) {
      return own.get(key) ?? (await load()).get(key);
    },
    async remember(key, make) {
      let lease: Lease | undefined;
      try {
        lease = await hold();
        if (lease !== undefined) {
          const facts = await load();
          const fact = make(facts.get(key) ?? own.get(key));
          facts.set(key, fact);
          await files.write(name, [new TextEncoder().encode(JSON.stringify(Object.fromEntries(facts)))]);
          own.delete(key);
          return fact;
        }
      } catch {
        // Known to this session, and measured again by the next one.
      } finally {
        await lease?.release().catch(() => {});
      }
      const fact = make(own.get(key) ?? (await load()).get(key));
      own.set(key, fact);
      return fact;
    },
  };
}
