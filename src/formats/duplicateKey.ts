/**
 * The first name that an object of a JSON text holds twice, or undefined. `JSON.parse` takes the last one silently,
 * so that a reader and a checker could see different files.
 * @param text JSON that has been parsed without error   @param depth how deep to look; the outermost object is 1
 */
export function duplicateKey(text: string, depth: number): string | undefined {
  const keys: Set<string>[] = [];
  /** One entry an open bracket: true for an object. */
  const open: boolean[] = [];
  let expectsKey = false;
  for (let at = 0; at < text.length; at++) {
    switch (text.charAt(at)) {
      case '{':
        open.push(true);
        if (open.length <= depth) keys[open.length] = new Set();
        expectsKey = true;
        break;
      case '[':
        open.push(false);
        expectsKey = false;
        break;
      case '}':
      case ']':
        open.pop();
        expectsKey = false;
        break;
      case ',':
        expectsKey = open.at(-1) === true;
        break;
      case '"': {
        const end = endOfString(text, at);
        if (expectsKey && open.length <= depth) {
          const name: unknown = JSON.parse(text.slice(at, end + 1));
          const known = keys[open.length];
          if (typeof name === 'string' && known?.has(name) === true) return name;
          if (typeof name === 'string') known?.add(name);
        }
        expectsKey = false;
        at = end;
        break;
      }
      default:
    }
  }
  return undefined;
}

function endOfString(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at;
}
