import type { GivenFile } from '../studio/studioApi.ts';

const TEXT = /\.(txt|jsonl|csv|tsv|parquet)$/i;
const TEACHER =
  /(\.safetensors|\.bin|\.pt|\.pth|\.onnx|\.onnx_data|\.onnx\.data|config\.json|tokenizer\.json|special_tokens_map\.json|\.index\.json|vocab\.txt|README\.md)$/i;

/** A file whose bytes are read when needed; a `Blob` goes to the worker unread. */
export interface UnreadFile {
  readonly path: string;
  readonly read: () => Promise<Uint8Array | Blob>;
}

/** What a drop holds, told by names: weights, configuration and vocabulary make a teacher; the rest that is text, text. */
export function sortFiles(files: readonly UnreadFile[]): { readonly teacher: readonly UnreadFile[]; readonly text: readonly UnreadFile[] } {
  const teacher = files.filter(({ path }) => TEACHER.test(path));
  const text = files.filter((file) => TEXT.test(file.path) && !teacher.includes(file));
  return { teacher, text };
}

/** The files with paths relative to the folder that holds all of them, and its name. */
export function underFolder(
  files: readonly UnreadFile[],
  fallback: string,
): { readonly name: string; readonly files: readonly UnreadFile[] } {
  const folder = files[0]?.path.split('/').slice(0, -1) ?? [];
  while (folder.length > 0 && !files.every(({ path }) => path.startsWith(`${folder.join('/')}/`))) folder.pop();
  const cut = folder.length === 0 ? 0 : folder.join('/').length + 1;
  return { name: folder.at(-1) ?? fallback, files: files.map((file) => ({ path: file.path.slice(cut), read: file.read })) };
}

export function readAll(files: readonly UnreadFile[]): Promise<GivenFile[]> {
  return Promise.all(files.map(async ({ path, read }) => ({ path, bytes: await read() })));
}

/** The bundled teacher and prose. @throws Error if the server does not give them */
export async function demoFiles(base: string): Promise<{ readonly teacher: readonly UnreadFile[]; readonly prose: readonly UnreadFile[] }> {
  const fetchBytes = async (path: string): Promise<Response> => {
    const response = await fetch(new URL(`demo/${path}`, base));
    if (!response.ok) throw new Error(`demo: ${path} — expected status 200, got ${response.status}. Reload the page.`);
    return response;
  };
  const manifest: unknown = await (await fetchBytes('manifest.json')).json();
  const listed = (folder: string): UnreadFile[] => {
    const names: unknown = typeof manifest === 'object' && manifest !== null ? Reflect.get(manifest, folder) : undefined;
    if (!Array.isArray(names)) throw new Error(`demo: manifest.json — expected a list of ${folder} files, got none. Reload the page.`);
    return names.map(String).map((name) => ({
      path: name,
      read: async () => new Uint8Array(await (await fetchBytes(`${folder}/${name}`)).arrayBuffer()),
    }));
  };
  return { teacher: listed('teacher'), prose: listed('prose') };
}
