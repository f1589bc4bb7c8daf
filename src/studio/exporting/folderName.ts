/** A wished name as one that every file system and zip takes. */
export function folderName(name: string): string {
  return (
    name
      .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
      .replace(/^[.-]+/, '')
      .slice(0, 100) || 'student'
  );
}
