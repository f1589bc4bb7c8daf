/**
 * Small facts that outlive the page. A browser that blocks site data throws at the first touch of its storage: then nothing
 * is remembered, and nothing else fails.
 */
export function recalled(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Blocked or full: known until the page is left.
  }
}
