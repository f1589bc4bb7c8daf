import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { unzipSync } from 'fflate';
import type { ExportResult } from '../../src/studio/api/exporting.ts';
import { readTeacher, type Teacher } from '../../src/studio/teacher/teacher.ts';

/** The teacher that ships with the studio, or another checkpoint of the repository. */
export function teacherIn(folder: URL, name: string): Promise<Teacher> {
  const files = readdirSync(folder).map((path) => ({ path, bytes: new Uint8Array(readFileSync(new URL(path, folder))) }));
  return readTeacher(name, files);
}

export const DEMO_TEACHER = new URL('../../public/demo/teacher/', import.meta.url);

/** A place for exported folders, gone after the tests. */
export class Shelf {
  readonly path = mkdtempSync(join(tmpdir(), 'wid-studio-runtimes-'));

  /** Unpacks an export. @returns its folder */
  async put({ name, zip }: ExportResult): Promise<string> {
    for (const [path, bytes] of Object.entries(unzipSync(new Uint8Array(await zip.arrayBuffer())))) {
      mkdirSync(dirname(join(this.path, path)), { recursive: true });
      writeFileSync(join(this.path, path), bytes);
    }
    return join(this.path, name);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
