import { expose } from 'comlink';
import { installFaultTransfer } from '../src/studio/faultTransfer.ts';
import { HubCache } from '../src/studio/hub/hubCache.ts';
import type { HubSurroundings } from '../src/studio/hub/hubTeacher.ts';
import { InputStore } from '../src/studio/runs/inputStore.ts';
import { opfsFiles } from '../src/studio/runs/opfsFiles.ts';
import { webLocks } from '../src/studio/runs/runLocks.ts';
import { RunStore } from '../src/studio/runs/runStore.ts';
import { createSession } from '../src/studio/session.ts';
import { engineMaker } from '../src/studio/session/makeEngine.ts';
import { rememberedFiles } from '../src/studio/session/rememberedFiles.ts';
import { TextCache } from '../src/studio/texts/textCache.ts';

installFaultTransfer();
const hub: HubSurroundings = { cache: new HubCache(opfsFiles('hub')), fetch: (input, init) => fetch(input, init) };
const store = new RunStore(opfsFiles('runs'), webLocks('wid-studio/runs'));
const makeEngine = engineMaker(rememberedFiles(opfsFiles('machine'), webLocks('wid-studio/machine')));
expose(createSession(store, { inputs: new InputStore(opfsFiles('inputs')), texts: new TextCache(opfsFiles('texts')), hub, makeEngine }));
