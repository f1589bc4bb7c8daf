export type Theme = 'light' | 'dark';

const KEY = 'wid-studio-theme';

export function currentTheme(): Theme {
  const kept = localStorage.getItem(KEY);
  if (kept === 'light' || kept === 'dark') return kept;
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}

/** Sets the page's colours; a choice is kept, otherwise the system decides. */
export function applyTheme(choice?: Theme): void {
  if (choice !== undefined) localStorage.setItem(KEY, choice);
  document.documentElement.dataset['theme'] = currentTheme();
}
