import type { Pacing, Part } from './pacing.ts';

/** Waits until the host hears that a submission is done. */
export type WaitForDone = () => Promise<void>;

/**
 * Hands a first run over piece by piece, as the device turns out to be fast.
 *
 * @param dispatches how many there are
 * @param submit hands a piece over
 * @param now milliseconds of a clock that never jumps
 */
export async function firstRun(
  pacing: Pacing,
  dispatches: number,
  submit: (part: Part) => WaitForDone,
  now: () => number = () => performance.now(),
): Promise<void> {
  const started = now();
  const going: { readonly part: Part; readonly submitted: number; readonly behind: boolean; readonly wait: WaitForDone }[] = [];
  let heard = started;
  const settle = async (most: number): Promise<void> => {
    while (going.length > most) {
      const [oldest] = going;
      if (oldest === undefined) return;
      await oldest.wait();
      going.shift();
      const time = now();
      pacing.took(oldest.part, time - Math.max(oldest.submitted, heard), oldest.behind);
      heard = time;
    }
  };
  for (let first = 0; first < dispatches;) {
    await settle(pacing.inFlight - 1);
    const part = pacing.next(first);
    const behind = going.length > 0;
    const submitted = now();
    going.push({ part, submitted, behind, wait: submit(part) });
    first = part.end;
  }
  await settle(0);
  pacing.tookWhole(now() - started);
}
