/**
 * Text inside records, by path: `text`, `data.text`, `tokens` (a list of words), `messages[].content`. A list of texts has its
 * own name, and is joined; `[]` stands between a list of objects and the field of each.
 */

/** Records of chats and of questions nest four deep. */
const DEEPEST = 8;
/** A record that is a dictionary has as many fields as words: no user picks from a longer list. */
const MOST_PATHS = 200;
/** Items of a list whose fields are looked at. */
const LISTED_ITEMS = 20;

type Entries = Iterable<readonly [string, unknown]>;

/** Paths of a record's texts, in its order, each with the text there. */
export function textPaths(fields: Entries): Map<string, string> {
  const paths: string[] = [];
  const seen = new Set<string>();
  const note = (path: string): void => {
    if (seen.has(path) || seen.size >= MOST_PATHS) return;
    seen.add(path);
    paths.push(path);
  };
  const walk = (path: string, value: unknown, depth: number): void => {
    if (typeof value === 'string') note(path);
    else if (depth >= DEEPEST || typeof value !== 'object' || value === null) return;
    else if (Array.isArray(value)) {
      for (const item of value.slice(0, LISTED_ITEMS)) {
        if (isTexts(item)) note(path);
        else if (isObject(item)) for (const [key, inner] of Object.entries(item)) walk(`${path}[].${key}`, inner, depth + 1);
      }
    } else for (const [key, inner] of Object.entries(value)) walk(`${path}.${key}`, inner, depth + 1);
  };
  const record = new Map(fields);
  for (const [name, value] of record) walk(name, value, 0);
  return new Map(paths.map((path) => [path, textAt(record, path) ?? '']));
}

/** The text at a path of {@link textPaths}, or undefined where there is none. Lists of words come joined by spaces, others by lines. */
export function textAt(fields: ReadonlyMap<string, unknown>, path: string): string | undefined {
  if (fields.has(path)) return joined(fields.get(path));
  return joined(valueAt(fields, path, 0));
}

/** A field's own name may hold a dot: every field that the path begins with is tried. */
function valueAt(entries: Entries, path: string, depth: number): unknown {
  if (depth > DEEPEST) return undefined;
  for (const [key, value] of entries) {
    if (key === path) return value;
    if (!path.startsWith(key)) continue;
    const rest = path.slice(key.length);
    if (rest.startsWith('[].') && Array.isArray(value)) {
      const found = value
        .map((item) => (isObject(item) ? valueAt(Object.entries(item), rest.slice(3), depth + 1) : undefined))
        .filter((one) => one !== undefined);
      if (found.length > 0) return found;
    } else if (rest.startsWith('.') && isObject(value)) {
      const found = valueAt(Object.entries(value), rest.slice(1), depth + 1);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function joined(value: unknown, depth = 0): string | undefined {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value) || depth > DEEPEST) return undefined;
  const parts = value.map((item) => joined(item, depth + 1)).filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : parts.join(parts.some((part) => /\s/.test(part)) ? '\n' : ' ');
}

function isTexts(value: unknown, depth = 0): boolean {
  return typeof value === 'string' || (Array.isArray(value) && depth < DEEPEST && value.some((item) => isTexts(item, depth + 1)));
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
