import type { CurvePoint } from '../../state/curvesStore.ts';

const COLUMNS = ['step', 'loss', 'smooth', 'heldOutLoss', 'accuracy', 'agreement', 'learningRate', 'tokensPerSecond'] as const;
const STYLES = ['stroke', 'stroke-width', 'stroke-opacity', 'fill', 'font-size', 'font-family', 'text-anchor'] as const;

function save(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

export function curvesAsCsv(points: readonly CurvePoint[]): string {
  return [COLUMNS.join(','), ...points.map((point) => COLUMNS.map((column) => point[column] ?? '').join(','))].join('\n');
}

export function saveCsv(points: readonly CurvePoint[]): void {
  save('curves.csv', 'text/csv', curvesAsCsv(points));
}

/** All charts under one another as one file; colours are written out, since a file has no style sheet. */
export function saveSvg(charts: HTMLElement): void {
  const drawings = [...charts.querySelectorAll<SVGSVGElement>('svg.recharts-surface')];
  let top = 0;
  let width = 0;
  const parts = drawings.map((drawing) => {
    const copy = drawing.cloneNode(true);
    if (!(copy instanceof SVGSVGElement)) return '';
    const from = [drawing, ...drawing.querySelectorAll('*')];
    const to = [copy, ...copy.querySelectorAll('*')];
    from.forEach((element, i) => {
      const style = getComputedStyle(element);
      for (const property of STYLES) to[i]?.setAttribute(property, style.getPropertyValue(property));
    });
    const { height, width: wide } = drawing.getBoundingClientRect();
    const title = drawing.closest('figure')?.getAttribute('aria-label') ?? '';
    const part = `<g transform="translate(0 ${top})"><text x="4" y="14" font-family="sans-serif" font-size="12">${title}</text><g transform="translate(0 20)">${new XMLSerializer().serializeToString(copy)}</g></g>`;
    top += height + 24;
    width = Math.max(width, wide);
    return part;
  });
  save('curves.svg', 'image/svg+xml', `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${top}">${parts.join('')}</svg>`);
}
