import type { GivenFile } from '../studio/api/files.ts';

export type { GivenFile };

/** The files with paths relative to the folder that holds all of them, and its name. */
export function underFolder(
  files: readonly GivenFile[],
  fallback: string,
): { readonly name: string; readonly files: readonly GivenFile[] } {
  const folder = files[0]?.path.split('/').slice(0, -1) ?? [];
  while (folder.length > 0 && !files.every(({ path }) => path.startsWith(`${folder.join('/')}/`))) folder.pop();
  const cut = folder.length === 0 ? 0 : folder.join('/').length + 1;
  const [only] = files.length === 1 ? files : [];
  const name = folder.at(-1) ?? (only === undefined ? fallback : only.path.slice(cut).replace(/\.[a-z]+$/i, ''));
  return { name, files: files.map((file) => ({ path: file.path.slice(cut), bytes: file.bytes })) };
}

/** The bundled teacher and prose. @throws Error if the server does not give them */
export async function demoFiles(base: string): Promise<{ readonly teacher: GivenFile[]; readonly prose: GivenFile[] }> {
  const fetched = async (path: string): Promise<Response> => {
    const response = await fetch(new URL(`demo/${path}`, base));
    if (!response.ok) throw new Error(`demo: ${path} — expected status 200, got ${response.status}. Reload the page.`);
    return response;
  };
  const manifest: unknown = await (await fetched('manifest.json')).json();
  const listed = (folder: string): Promise<GivenFile[]> => {
    const names: unknown = typeof manifest === 'object' && manifest !== null ? Reflect.get(manifest, folder) : undefined;
    if (!Array.isArray(names)) throw new Error(`demo: manifest.json — expected a list of ${folder} files, got none. Reload the page.`);
    return Promise.all(
      names.map(String).map(async (path) => ({ path, bytes: await (await fetched(`${folder}/${path}`)).blob() })),
    );
  };
  const [teacher, prose] = await Promise.all([listed('teacher'), listed('prose')]);
  return { teacher, prose };
}
