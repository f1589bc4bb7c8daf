import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { folderFiles } from '../../../src/studio/runs/folderFiles.ts';
import { lockFiles } from '../../../src/studio/runs/lockFiles.ts';
import type { RunFiles } from '../../../src/studio/runs/runFiles.ts';
import { RunStore } from '../../../src/studio/runs/runStore.ts';
import { createSession } from '../../../src/studio/session.ts';
import type { Surroundings } from '../../../src/studio/session/sessionState.ts';
import type { EngineChoice } from '../../../src/studio/api/engine.ts';
import type { GivenFile } from '../../../src/studio/api/files.ts';
import type { Recipe } from '../../../src/studio/api/recipe.ts';
import type { StudioListener } from '../../../src/studio/api/run.ts';
import type { StudioApi } from '../../../src/studio/studioApi.ts';

function checkpoint(folder: string): GivenFile[] {
  const place = new URL(`../../golden/checkpoints/${folder}/`, import.meta.url);
  return ['config.json', 'model.safetensors', 'vocab.txt'].map((path) => ({
    path,
    bytes: new Uint8Array(readFileSync(new URL(path, place))),
  }));
}

export const TEACHER = checkpoint('safetensors');
/** The same encoder without a head. */
export const HEADLESS = checkpoint('encoder-only');
export const TEXT: GivenFile[] = [
  { path: 'a1.txt', bytes: new Uint8Array(readFileSync(new URL('../../../public/demo/prose/a1.txt', import.meta.url))) },
];

export interface Opened {
  readonly session: StudioApi;
  readonly store: RunStore;
  readonly folder: string;
  readonly recipe: Recipe;
}

/** Sessions of the golden teacher over folders that are gone after the tests. */
export class RunBench {
  readonly scratch = mkdtempSync(join(tmpdir(), 'wid-studio-runs-'));

  constructor() {
    afterAll(() => rmSync(this.scratch, { recursive: true, force: true }));
  }

  /** A session that has teacher, text and engine, and a recipe of 12 short steps. */
  async open(
    name: string,
    surroundings: Partial<Surroundings> = {},
    layer: (files: RunFiles) => RunFiles = (files) => files,
    engine: EngineChoice = 'cpu',
    teacher: readonly GivenFile[] = TEACHER,
  ): Promise<Opened> {
    const folder = join(this.scratch, name);
    const store = new RunStore(layer(folderFiles(folder)), lockFiles(folder));
    const session = createSession(store, { keepRate: Infinity, ...surroundings });
    await session.engine(engine, 2);
    await session.loadTeacher('golden', teacher);
    await session.loadText('prose', TEXT, { sequence: 32, seed: 1 });
    const recipe: Recipe = {
      ...(await session.defaults()),
      steps: 12,
      batch: 4,
      sequence: 32,
      documents: 'joined',
      compactorShare: 0.5,
      calibrationTokens: 500,
      evaluateEvery: 4,
    };
    return { session, store, folder, recipe };
  }
}

/** Stops a run after a step. */
export function stopAfter(session: StudioApi, step: number): StudioListener {
  return (event) => {
    if (event.kind === 'step' && event.step === step) void session.stop();
  };
}
