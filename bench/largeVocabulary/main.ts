// `node --import tsx bench/largeVocabulary/main.ts`: a Unigram vocabulary of 250,002 entries (12 layers x 384, random weights) in
// Chromium: how long it takes to open and to cut to 30,000 words by a text, and the memory of the page's process. Then the cut
// folder in Python, if one with torch and transformers is named. Needs `npm run build`. Minutes; not part of `npm test`.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { DEMO_TEXT, filesOf } from '../../src/cli/files.ts';
import { readTeacher } from '../../src/studio/teacher/teacher.ts';
import { openStage } from '../../tests/browser/browser.ts';
import { readStoredIds } from '../../tests/text/pythonIds/stored.ts';
import { ENTRIES, writeLargeCheckpoint } from './checkpoint.ts';

const { values } = parseArgs({
  options: {
    folder: { type: 'string', default: join(tmpdir(), 'wid-large-vocabulary') },
    python: { type: 'string' },
    words: { type: 'string', default: '30000' },
  },
});
const WORDS = Number(values.words);
const folder = join(values.folder, 'whole');
const cutFolder = join(values.folder, 'cut');
const LINES = 500;

/** Processor seconds of the page's process so far, and the most memory that it had at once, in MiB: the largest renderer of the browser. */
function usedByPage(): { readonly peakMiB: number; readonly processorSeconds: number } {
  let used = { peakMiB: 0, processorSeconds: 0 };
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
    try {
      if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('--type=renderer') || !isOurs(pid)) continue;
      const peak = Number(/VmHWM:\s+(?<kib>\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.groups?.['kib'] ?? 0) / 1024;
      // Behind the name, which may hold spaces, the 12th and 13th field: user and system time in hundredths of a second.
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
      if (peak > used.peakMiB) used = { peakMiB: Math.round(peak), processorSeconds: (Number(fields[11]) + Number(fields[12])) / 100 };
    } catch {
      // It has ended meanwhile.
    }
  return used;
}

/** Whether a process descends from this one. */
function isOurs(pid: string): boolean {
  for (let at = Number(pid); at > 1;) {
    if (at === process.pid) return true;
    at = Number(/PPid:\s+(?<parent>\d+)/.exec(readFileSync(`/proc/${at}/status`, 'utf8'))?.groups?.['parent'] ?? 0);
  }
  return false;
}

if (!existsSync(join(folder, 'model.safetensors'))) await writeLargeCheckpoint(folder);
const result: Record<string, unknown> = { date: new Date().toISOString().slice(0, 10), entries: ENTRIES, words: WORDS };

const stage = await openStage();
try {
  const { page, faults } = await stage.open(`#vocabulary=${WORDS}`);
  await page.getByTestId('teacher-input').waitFor({ state: 'attached' });
  const seconds = async (work: () => Promise<void>): Promise<number> => {
    const began = performance.now();
    await work();
    return Number(((performance.now() - began) / 1000).toFixed(2));
  };
  result['secondsToOpen'] = await seconds(async () => {
    await page.getByTestId('teacher-input').setInputFiles(readdirSync(folder).map((name) => join(folder, name)));
    await page.getByText('12 layers · 384 wide').waitFor({ timeout: 120_000 });
  });
  result['afterOpening'] = usedByPage();
  result['secondsToReadAndCut'] = await seconds(async () => {
    await page.getByTestId('text-input').setInputFiles(readdirSync(DEMO_TEXT).map((name) => join(DEMO_TEXT, name)));
    await page
      .getByTestId('vocabulary-text')
      .filter({ hasText: `Losses are taken over ${WORDS.toLocaleString('en')} words` })
      .waitFor({ timeout: 120_000 });
  });
  result['afterCutting'] = usedByPage();
  result['told'] = [await page.getByTestId('vocabulary-share').textContent(), await page.getByTestId('vocabulary-text').textContent()];
  if (faults.length > 0) throw new Error(`the page complained: ${faults.join('; ')}`);
} finally {
  await stage.close();
}

if (values.python !== undefined) {
  const terminal = fileURLToPath(new URL('../../scripts/compress.mjs', import.meta.url));
  const options = ['--teacher', folder, '--text', DEMO_TEXT, '--vocabulary', String(WORDS), '--outputs', 'last_hidden_state'];
  if (!existsSync(join(cutFolder, 'model.safetensors')))
    execFileSync(process.execPath, [terminal, 'export', ...options, '--out', cutFolder], { stdio: 'inherit' });
  const cut = await readTeacher('cut', filesOf(cutFolder));
  const prose = readdirSync(DEMO_TEXT).flatMap((name) => readFileSync(join(DEMO_TEXT, name), 'utf8').split('\n'));
  const lines = [...prose.filter((line) => line.trim() !== '').slice(0, LINES / 2), ...readStoredIds().lines.slice(0, LINES / 2)];
  mkdirSync(values.folder, { recursive: true });
  const asked = join(values.folder, 'lines.json');
  writeFileSync(asked, JSON.stringify(lines.map((line) => ({ line, ids: cut.tokenizer.encode(line) }))));
  const check = fileURLToPath(new URL('check.py', import.meta.url));
  const told: unknown = JSON.parse(execFileSync(values.python, [check, folder, cutFolder, asked], { encoding: 'utf8' }));
  result['python'] = told;
}
console.log(JSON.stringify(result, null, 2));
