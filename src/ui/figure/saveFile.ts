/** Hands a file to the browser's downloads. */
export function saveFile(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

export const csvBlob = (rows: readonly (readonly (string | number)[])[]): Blob =>
  new Blob([rows.map((row) => row.map(csvCell).join(',')).join('\n'), '\n'], { type: 'text/csv' });

/** One cell. Text that a spreadsheet would run as a formula is kept text by an apostrophe. */
export function csvCell(value: string | number): string {
  if (typeof value === 'number') return String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export const svgBlob = (svg: string): Blob => new Blob([svg], { type: 'image/svg+xml' });

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Text for inside an SVG: tokens come from files. */
export const escapeXml = (text: string): string => text.replaceAll(/[&<>"]/g, (mark) => ESCAPES[mark] ?? '');

/** Pixels of a saved picture for every unit of the drawing: sharp in print. */
const SCALE = 3;

/** The drawing as a PNG. @throws Error if the browser cannot draw it */
export async function pngBlob(svg: string): Promise<Blob> {
  const url = URL.createObjectURL(svgBlob(svg));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = document.createElement('canvas');
    canvas.width = image.width * SCALE;
    canvas.height = image.height * SCALE;
    canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve, reject) => {
      canvas.toBlob((blob) => {
        if (blob === null)
          reject(new Error(`figure: PNG — expected a picture of ${canvas.width} x ${canvas.height}, got none. Save it as SVG.`));
        else resolve(blob);
      });
    });
  } finally {
    URL.revokeObjectURL(url);
  }
}
