import { useSyncExternalStore } from 'react';
import { recalled, remember } from '../state/remembered.ts';

export type Theme = 'light' | 'dark';

const KEY = 'wid-studio-theme';
/** On this page: it holds where nothing can be remembered. */
let chosen: Theme | undefined;

export function currentTheme(): Theme {
  const kept = chosen ?? recalled(KEY);
  if (kept === 'light' || kept === 'dark') return kept;
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}

/** Sets the page's colours; a choice is kept, otherwise the system decides. */
export function applyTheme(choice?: Theme): void {
  if (choice !== undefined) {
    chosen = choice;
    remember(KEY, choice);
  }
  document.documentElement.dataset['theme'] = currentTheme();
  for (const hear of listeners) hear();
}

/** Follows the system while the user has not chosen. */
export function followSystemTheme(): void {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => applyTheme());
}

const listeners = new Set<() => void>();

function listen(hear: () => void): () => void {
  listeners.add(hear);
  return () => listeners.delete(hear);
}

/** The theme now, for what is drawn on canvases and so has no style sheet. */
export function useTheme(): Theme {
  return useSyncExternalStore(listen, currentTheme);
}
