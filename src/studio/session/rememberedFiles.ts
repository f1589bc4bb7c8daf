import type { Remembered } from '../../engines/remembered.ts';
import type { RunFiles } from '../runs/runFiles.ts';

/** Facts in one file. A folder that can't be read or written means facts for this session only. */
export function rememberedFiles(files: RunFiles, name = 'machine.json'): Remembered {
  const facts = new Map<string, string>();
  let read: Promise<void> | undefined;
  const load = async (): Promise<void> => {
    try {
      const found: unknown = JSON.parse(new TextDecoder().decode(await files.read(name)));
      if (typeof found !== 'object' || found === null) return;
      for (const [key, value] of Object.entries(found)) if (typeof value === 'string') facts.set(key, value);
    } catch {
      // No file yet, or one that is no use.
    }
  };
  return {
    async recall(key) {
      await (read ??= load());
      return facts.get(key);
    },
    async remember(key, value) {
      await (read ??= load());
      facts.set(key, value);
      try {
        await files.write(name, [new TextEncoder().encode(JSON.stringify(Object.fromEntries(facts)))]);
      } catch {
        // Measured again next time.
      }
    },
  };
}
