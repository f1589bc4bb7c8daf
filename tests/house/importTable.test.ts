import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MODES } from '../../src/studio/settings/modes.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ROOMS = [
  'tensor',
  'formats',
  'text',
  'graph',
  'engines',
  'models',
  'tasks',
  'wid',
  'training',
  'analysis',
  'export',
  'studio',
  'state',
  'ui',
  'cli',
];

// The table of docs/architecture.md, written a second time on purpose: the linter's copy is judged by this one.
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  tensor: [],
  formats: ['tensor'],
  text: ['tensor'],
  graph: ['tensor'],
  engines: ['tensor', 'graph'],
  models: ['tensor', 'graph'],
  tasks: ['tensor', 'graph', 'text', 'models'],
  wid: ['tensor', 'graph', 'models'],
  training: ['tensor', 'graph', 'text', 'models', 'tasks', 'wid'],
  analysis: ['tensor', 'graph', 'text', 'models', 'tasks', 'wid'],
  export: ['tensor', 'formats', 'models'],
  studio: ['tensor', 'formats', 'text', 'graph', 'engines', 'models', 'tasks', 'wid', 'training', 'analysis', 'export'],
  state: ['tensor'],
  ui: ['state', 'tensor'],
  cli: ['tensor', 'studio'],
};

// The table of the rooms inside studio/, likewise.
const STUDIO: Readonly<Record<string, readonly string[]>> = {
  settings: [],
  api: ['settings'],
  teacher: ['settings', 'api'],
  recipe: ['settings', 'api', 'teacher'],
  methods: ['settings', 'api', 'teacher', 'recipe'],
  runs: ['settings', 'api', 'teacher', 'recipe', 'methods'],
  texts: ['api', 'runs'],
  hub: ['api', 'teacher', 'runs'],
  compression: ['settings', 'api', 'teacher', 'recipe', 'methods', 'runs'],
  verification: ['api'],
  comparison: ['settings', 'api', 'teacher', 'recipe', 'methods', 'runs', 'compression', 'verification'],
  exporting: ['settings', 'api', 'teacher', 'methods', 'verification'],
  job: ['api', 'teacher', 'recipe', 'methods', 'runs', 'exporting'],
  session: [
    'settings',
    'api',
    'teacher',
    'recipe',
    'methods',
    'runs',
    'texts',
    'hub',
    'compression',
    'verification',
    'comparison',
    'exporting',
    'job',
  ],
};
const STUDIO_ROOMS = Object.keys(STUDIO);
/** Files of studio/ itself that stand on its rooms. */
const ABOVE = ['session', 'sortGiven', 'studioApi', 'transfers'];

/** Rooms that know engines by their contract, as a type. */
const BY_CONTRACT = ['wid', 'training', 'analysis'];

/** What lies around the table of settings, from inside its folder. */
const BESIDE_SETTINGS = {
  masking: '../../tasks/plainMasking.ts',
  published: '../../wid/paper/settings.ts',
  task: '../../tasks/maskedWords.ts',
  merge: '../../wid/merge.ts',
  masks: '../../wid/paper/masks.ts',
  rate: '../../training/learningRate.ts',
  shape: '../api/recipe.ts',
  recipe: '../recipe/recipe.ts',
};

const house = mkdtempSync(join(tmpdir(), 'wid-studio-house-'));
let reports = new Map<string, string[]>();

function write(path: string, text: string): void {
  mkdirSync(dirname(join(house, path)), { recursive: true });
  writeFileSync(join(house, path), text);
}

const IMPORT = (from: string): string => `import { thing } from '${from}';\nexport const other = thing;\n`;
const TYPE_IMPORT = (from: string): string => `import type { Thing } from '${from}';\nexport type Other = Thing;\n`;

/** Programs that name a method, or ask which one a recipe has. */
const ASKING: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    MODES.filter((mode) => mode !== 'calibrated').map((mode) => [`names-${mode}`, `export const word = '${mode}';\n`] as const),
  ),
  template: 'export const word = `paper`;\n',
  compares: 'export const f = (recipe: { mode: string }, other: string): boolean => recipe.mode !== other;\n',
  turned: 'export const f = (mode: string, other: string): boolean => other === mode;\n',
  switches: 'export function f(recipe: { mode: string }): number {\n  switch (recipe.mode) {\n    default:\n      return 1;\n  }\n}\n',
};

interface Diagnostic {
  readonly code: string;
  readonly message: string;
  readonly help?: string;
  readonly filename: string;
}

function isReport(given: unknown): given is { readonly diagnostics: readonly Diagnostic[] } {
  return typeof given === 'object' && given !== null && 'diagnostics' in given && Array.isArray(given.diagnostics);
}

/** Lints the little house once; what was found, by file. */
function lint(): Map<string, string[]> {
  const oxlint = join(ROOT, 'node_modules/oxlint/bin/oxlint');
  const { stdout, stderr } = spawnSync(process.execPath, [oxlint, '--format=json', '.'], { cwd: house, encoding: 'utf8' });
  const report: unknown = stdout.startsWith('{') ? JSON.parse(stdout) : undefined;
  if (!isReport(report)) throw new Error(`oxlint gave no report.\n${stdout}${stderr}`);
  const found = new Map<string, string[]>();
  for (const { code, message, help, filename } of report.diagnostics) {
    const file = filename.replaceAll('\\', '/').replace(/^\.\//, '');
    found.set(file, [...(found.get(file) ?? []), `${code}: ${message} ${help ?? ''}`]);
  }
  return found;
}

const faults = (file: string): string => (reports.get(file) ?? []).join('\n');

beforeAll(() => {
  // The rule on methods reads their names from their table.
  for (const path of ['.oxlintrc.json', 'scripts/lint/house.mjs', 'src/studio/settings/modes.ts'])
    cpSync(join(ROOT, path), join(house, path));
  for (const from of ROOMS) for (const to of ROOMS) write(`src/${from}/use-${to}.ts`, IMPORT(`../${to}/inner/thing.ts`));
  for (const room of ROOMS) {
    write(`src/${room}/deep/inner/use.ts`, IMPORT(`../../../${room === 'cli' ? 'ui' : 'cli'}/thing.ts`));
    write(`src/${room}/contract.ts`, IMPORT('../engines/engine.ts'));
    write(`src/${room}/contractType.ts`, TYPE_IMPORT('../engines/engine.ts'));
    write(`src/${room}/engineType.ts`, TYPE_IMPORT('../engines/wasm/wasmEngine.ts'));
  }
  for (const from of STUDIO_ROOMS) {
    for (const to of STUDIO_ROOMS) if (to !== from) write(`src/studio/${from}/use-${to}.ts`, IMPORT(`../${to}/thing.ts`));
    for (const file of ABOVE) write(`src/studio/${from}/above-${file}.ts`, IMPORT(`../${file}.ts`));
    write(`src/studio/${from}/version.ts`, IMPORT('../version.ts'));
    write(`src/studio/${from}/page.ts`, IMPORT('../../state/thing.ts'));
    write(`src/studio/${from}/deep/session.ts`, IMPORT('../../session/thing.ts'));
  }
  write('src/state/api.ts', IMPORT('../studio/studioApi.ts'));
  write('src/state/apiType.ts', TYPE_IMPORT('../studio/studioApi.ts'));
  write('src/state/shape.ts', IMPORT('../studio/api/recipe.ts'));
  write('src/state/shapeType.ts', TYPE_IMPORT('../studio/api/recipe.ts'));
  write('src/state/actions/shapeType.ts', TYPE_IMPORT('../../studio/api/recipe.ts'));
  write('src/state/settings.ts', IMPORT('../studio/settings/modes.ts'));
  write('src/ui/settings.ts', IMPORT('../studio/settings/modes.ts'));
  write('src/studio/settings/session.ts', IMPORT('../api/recipe.ts'));
  write('src/studio/settings/graph.ts', IMPORT('../../graph/graph.ts'));
  write('src/state/insideType.ts', TYPE_IMPORT('../studio/recipe/recipe.ts'));
  write('src/ui/shapeType.ts', TYPE_IMPORT('../studio/api/recipe.ts'));
  write('src/state/sessionType.ts', TYPE_IMPORT('../studio/session.ts'));
  for (const [name, from] of Object.entries(BESIDE_SETTINGS)) {
    write(`src/studio/settings/${name}.ts`, IMPORT(from));
    write(`src/studio/settings/${name}Type.ts`, TYPE_IMPORT(from));
  }
  write('src/graph/one.ts', "import { two } from './two.ts';\nexport const one = (): unknown => two;\n");
  write('src/graph/two.ts', "import { one } from './one.ts';\nexport const two = (): unknown => one;\n");
  for (const [name, program] of Object.entries(ASKING)) {
    write(`src/training/${name}.ts`, program);
    for (const room of ['methods', 'settings']) write(`src/studio/${room}/${name}.ts`, program);
  }
  write('src/training/start.ts', "export const f = (start: string): boolean => start === 'calibrated';\n");
  write('src/graph/loose.ts', 'export const loose = (given: any): number => given!.size;\n');
  reports = lint();
});

afterAll(() => rmSync(house, { recursive: true, force: true }));

describe('the import table', () => {
  for (const from of ROOMS)
    test(`${from} may import ${MAY_IMPORT[from]?.join(', ') || 'no room'}`, () => {
      for (const to of ROOMS) {
        const file = `src/${from}/use-${to}.ts`;
        const allowed = from === to || MAY_IMPORT[from]?.includes(to);
        if (allowed) expect(faults(file), file).toBe('');
        else expect(faults(file), file).toContain('no-restricted-imports');
      }
      expect(faults(`src/${from}/deep/inner/use.ts`)).toContain('no-restricted-imports');
    });

  for (const from of STUDIO_ROOMS)
    test(`studio/${from} may import ${STUDIO[from]?.join(', ') || 'no room'} of studio`, () => {
      for (const to of STUDIO_ROOMS.filter((room) => room !== from)) {
        const file = `src/studio/${from}/use-${to}.ts`;
        if (STUDIO[from]?.includes(to)) expect(faults(file), file).toBe('');
        else expect(faults(file), file).toContain('no-restricted-imports');
      }
      expect(faults(`src/studio/${from}/page.ts`)).toContain('no-restricted-imports');
      if (from === 'session') return;
      for (const file of ABOVE) expect(faults(`src/studio/${from}/above-${file}.ts`), file).toContain('no-restricted-imports');
      expect(faults(`src/studio/${from}/deep/session.ts`)).toContain('no-restricted-imports');
      if (from !== 'settings') expect(faults(`src/studio/${from}/version.ts`)).toBe('');
    });

  test('only the rooms of methods and settings name a method, or ask which one a recipe has', () => {
    expect(Object.keys(ASKING).length).toBeGreaterThan(MODES.length);
    for (const name of Object.keys(ASKING)) {
      expect(faults(`src/training/${name}.ts`), name).toContain('house(methods-at-home)');
      for (const room of ['methods', 'settings']) expect(faults(`src/studio/${room}/${name}.ts`), name).not.toContain('methods-at-home');
    }
    expect(faults('src/training/start.ts')).toBe('');
  });

  test('says why, and where the table is', () => {
    expect(faults('src/tensor/use-graph.ts')).toMatch(/one-way.*docs\/architecture\.md/s);
  });

  test.each(BY_CONTRACT)('%s knows engines by the contract, as a type', (room) => {
    expect(faults(`src/${room}/contractType.ts`)).toBe('');
    expect(faults(`src/${room}/contract.ts`)).toContain('type');
    expect(faults(`src/${room}/engineType.ts`)).toContain('contract');
  });

  test('the settings, which the page loads, import no code but two files of data', () => {
    expect(faults('src/state/settings.ts')).toBe('');
    expect(faults('src/ui/settings.ts')).toContain('no-restricted-imports');
    for (const file of ['session', 'graph']) expect(faults(`src/studio/settings/${file}.ts`)).toContain('the page loads it');
  });

  test('state knows the session by the types of studioApi and of api/ alone', () => {
    for (const allowed of ['apiType', 'shapeType', 'actions/shapeType']) expect(faults(`src/state/${allowed}.ts`), allowed).toBe('');
    for (const refused of ['api', 'shape', 'sessionType', 'insideType'])
      expect(faults(`src/state/${refused}.ts`), refused).toContain('no-restricted-imports');
    expect(faults('src/ui/shapeType.ts')).toContain('no-restricted-imports');
  });

  test('of other rooms the settings take types, plain masking and the published numbers', () => {
    for (const name of Object.keys(BESIDE_SETTINGS)) {
      expect(faults(`src/studio/settings/${name}Type.ts`), name).toBe('');
      const file = `src/studio/settings/${name}.ts`;
      if (name === 'masking' || name === 'published') expect(faults(file), name).toBe('');
      else expect(faults(file), name).toContain('the page loads it');
    }
  });
});

test('import cycles are reported', () => {
  expect(faults('src/graph/one.ts') + faults('src/graph/two.ts')).toContain('no-cycle');
});

test('any and the non-null assertion are reported', () => {
  expect(faults('src/graph/loose.ts')).toContain('no-explicit-any');
  expect(faults('src/graph/loose.ts')).toContain('no-non-null-assertion');
});
