import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** What make_ids.py wrote. */
export interface StoredIds {
  readonly versions: Readonly<Record<string, string>>;
  readonly charsmaps: Readonly<Record<string, string>>;
  readonly lines: readonly string[];
  readonly kinds: Readonly<Record<string, { readonly tokenizer: object; readonly ids: readonly (readonly number[])[] }>>;
}

export function readStoredIds(): StoredIds {
  const parsed: unknown = JSON.parse(gunzipSync(readFileSync('tests/text/pythonIds/ids.json.gz')).toString('utf8'));
  const isStored = (value: unknown): value is StoredIds => typeof value === 'object' && value !== null && 'kinds' in value;
  if (!isStored(parsed)) throw new Error('ids.json.gz: make it anew with make_ids.py');
  return parsed;
}

/** The text of a stored `tokenizer.json`, its map of characters put in. */
export function storedTokenizer({ charsmaps }: StoredIds, tokenizer: object): string {
  return JSON.stringify(tokenizer).replaceAll(/charsmap:(?<name>\w+)/g, (_, name: string) => charsmaps[name] ?? '');
}
