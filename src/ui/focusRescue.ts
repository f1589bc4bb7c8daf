import { useEffect, useRef } from 'react';

/** Whether the control that had the focus is gone or cannot take keys any more. */
function focusIsLost(): boolean {
  const { activeElement } = document;
  return activeElement === null || activeElement === document.body || activeElement.matches(':disabled');
}

/** As a `ref`: an element that takes a lost focus when it appears. */
export function takeLostFocus(element: HTMLElement | null): void {
  if (element !== null && focusIsLost()) element.focus({ preventScroll: true });
}

/**
 * Gives the focus to an element when `when` changes and the control that had it went away with the change: who works by
 * keyboard goes on from there, not from the top of the page.
 */
export function useFocusRescue<E extends HTMLElement>(when: unknown): React.RefObject<E | null> {
  const target = useRef<E>(null);
  const before = useRef(when);
  useEffect(() => {
    if (before.current === when) return;
    before.current = when;
    if (focusIsLost()) target.current?.focus();
  }, [when]);
  return target;
}
