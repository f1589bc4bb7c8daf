import type { Desk } from './actions/desk.ts';
import { isGoing, useRun } from './runStore.ts';

/**
 * Keeps the machine awake while a run goes on, and the run's state when the page is hidden: a hidden tab may be closed
 * at any time. Browsers without wake locks, and those that refuse one, train all the same.
 */
export function stayAwake(desk: Desk): void {
  let lock: Promise<WakeLockSentinel | undefined> | undefined;
  const update = async (): Promise<void> => {
    const wanted = isGoing(useRun.getState().status) && document.visibilityState === 'visible';
    if (wanted && lock === undefined && 'wakeLock' in navigator) lock = navigator.wakeLock.request('screen').catch(() => undefined);
    if (!wanted && lock !== undefined) {
      const held = await lock;
      lock = undefined;
      await held?.release();
    }
  };
  useRun.subscribe((state, before) => {
    if (state.status === before.status) return;
    void update();
    // Without it, a browser that runs out of room may take kept runs away. Asked when there is something to keep;
    // where storage is refused altogether, the page has said so.
    if (state.status === 'preparing' && 'storage' in navigator) void navigator.storage.persist().catch(() => false);
  });
  document.addEventListener('visibilitychange', () => {
    void update();
    if (document.visibilityState === 'hidden' && isGoing(useRun.getState().status)) void desk.asked(() => desk.api.keep());
  });
}
