import { existsSync, readFileSync } from 'node:fs';
import { HubCache } from '../studio/hub/hubCache.ts';
import type { HubRequest } from '../studio/api/teacher.ts';
import { looksLikeRepository } from '../studio/hub/hubClient.ts';
import type { HubSurroundings } from '../studio/hub/hubTeacher.ts';
import { folderFiles } from '../studio/runs/folderFiles.ts';
import { cacheFolder } from './cacheFolder.ts';
import { UsageError } from './usage.ts';

export interface HubOptions {
  readonly revision?: string;
  readonly tokenFile?: string;
}

/** Where fetched repositories are kept: the user's cache folder. */
export function hubSurroundings(): HubSurroundings {
  return { cache: new HubCache(folderFiles(cacheFolder('hub'))), fetch: (input, init) => fetch(input, init) };
}

/**
 * The repository that `--teacher` names, or undefined if it is a path of this machine. What is on the disk goes first.
 * The token comes from `HF_TOKEN` or a file: on a command line, others would see it.
 */
export function hubRequest(teacher: string, { revision, tokenFile }: HubOptions): HubRequest | undefined {
  const endpoint = process.env['HF_ENDPOINT'];
  const page = [endpoint, 'https://huggingface.co'].some((base) => base !== undefined && base !== '' && teacher.startsWith(`${base}/`));
  if (existsSync(teacher) || !(page || looksLikeRepository(teacher))) {
    if (revision !== undefined)
      throw new UsageError(`--revision ${revision}: expected a repository's id at --teacher, got a path. Leave it out.`);
    return undefined;
  }
  const token = tokenFile === undefined ? process.env['HF_TOKEN']?.trim() : tokenIn(tokenFile);
  return {
    repository: teacher,
    ...(revision === undefined ? {} : { revision }),
    ...(token === undefined || token === '' ? {} : { token }),
    ...(endpoint === undefined || endpoint === '' ? {} : { endpoint: endpoint.replace(/\/+$/, '') }),
  };
}

function tokenIn(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    throw new UsageError(`--token-file ${path}: expected a file with a token, got none that can be read. Check the path.`);
  }
}
