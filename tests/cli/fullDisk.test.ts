import { execFileSync } from 'node:child_process';
import { appendFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FAST, inScratch, terminal } from './terminal.ts';

/** Also what the program has freed meanwhile: it removes checkpoints before the last two. */
function fillUp(ballast: string): void {
  for (;;)
    try {
      appendFileSync(ballast, new Uint8Array(4096));
    } catch {
      return;
    }
}

test('a run in the terminal waits while the disk is full, and goes on by itself', async ({ skip }) => {
  await inScratch(async (folder) => {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'wid-studio-test', folder], { stdio: 'pipe' });
    } catch {
      console.warn('full disk: this user may not mount a file system; the test of the terminal is skipped.');
      skip();
      return;
    }
    try {
      const ballast = join(folder, 'ballast');
      let stage: 'roomy' | 'full' | 'roomy again' = 'roomy';
      const { code, stdout, stderr } = await terminal([...FAST, '--steps', '1000', '--json', '--out', join(folder, 'student')], (text) => {
        if (stage === 'roomy' && text.includes('"kind":"kept"')) stage = 'full';
        if (stage !== 'full') return;
        if (text.includes('"paused":true')) {
          rmSync(ballast);
          stage = 'roomy again';
        } else fillUp(ballast);
      });
      expect(stderr).toBe('');
      expect(stage).toBe('roomy again');
      expect(stdout.match(/"kind":"notKept"/g)).toHaveLength(1);
      expect(stdout).toContain('"stepsDone":1000');
      expect(code).toBe(0);
    } finally {
      execFileSync('umount', [folder]);
    }
  });
});
