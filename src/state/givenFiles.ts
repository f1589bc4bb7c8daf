import type { GivenFile } from '../studio/api/files.ts';

export type { GivenFile };

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
    return Promise.all(names.map(String).map(async (path) => ({ path, bytes: await (await fetched(`${folder}/${path}`)).blob() })));
  };
  const [teacher, prose] = await Promise.all([listed('teacher'), listed('prose')]);
  return { teacher, prose };
}
