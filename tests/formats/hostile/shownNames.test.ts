import { describe, expect, test } from 'vitest';
import { cleanPath } from '../../../src/formats/cleanPath.ts';
import { openZip } from '../../../src/formats/zip.ts';
import { streamZip } from '../../../src/formats/zipStream.ts';
import { openBytes } from '../../../src/tensor/byteSource.ts';
import { shownName } from '../../../src/tensor/shown.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('names on their way out', () => {
  test('shown names hold nothing that moves the cursor or the reading direction, and have an end', () => {
    expect(shownName('a\u0007\u001B[31m\nb\u202Ec\u2066')).toBe('a??[31m?b?c?');
    expect(shownName('x'.repeat(1e6)).length).toBeLessThanOrEqual(120);
    assertStrings((name) => expect(shownName(name)).not.toMatch(/(?![\u200C\u200D])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u));
  });

  test('paths of a zip stay inside it', async () => {
    const names: [string, string][] = [
      ['../../etc/passwd', '../x'],
      ['C:/a', 'a\u0000b'],
      ['ok', 'con./trail. '],
    ];
    for (const [folder, path] of names) {
      const { zip } = await streamZip(folder, one(path));
      const [entry] = [...(await openZip(openBytes(zip))).keys()];
      expect(entry).toMatch(/^[^/\\:]+(?:\/[^/\\:]+)*$/);
      expect(entry?.split('/')).not.toContain('..');
    }
    expect(cleanPath('..\\..\\a/./b ')).toBe('a/b');
    expect(() => cleanPath('../..')).toThrow(/expected a name for a file/);
  });

  async function* one(path: string): AsyncGenerator<{ path: string; pieces: Uint8Array[] }> {
    yield await Promise.resolve({ path, pieces: [encode('x')] });
  }

  function assertStrings(check: (name: string) => void): void {
    for (let code = 0; code < 0x3000; code++) check(String.fromCodePoint(code));
  }
});
