import { escapeXml } from './saveFile.ts';

const STYLES = [
  'stroke',
  'stroke-width',
  'stroke-opacity',
  'stroke-dasharray',
  'fill',
  'fill-opacity',
  'font-size',
  'font-weight',
  'text-anchor',
];
const TITLE = 24;

/** A whole SVG document with the page's colours written out, since a file has no style sheet. */
export function svgDocument(width: number, height: number, inside: string): string {
  const style = getComputedStyle(document.documentElement);
  const paper = style.getPropertyValue('--panel').trim();
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="Helvetica, Arial, sans-serif"><rect width="${width}" height="${height}" fill="${paper}"/>${inside}</svg>`;
}

/** The colour that a design token has in the theme of the moment. */
export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Drawings of the page under one another, each with its title, as one document. */
export function drawingsDocument(drawings: readonly { readonly title: string; readonly svg: SVGSVGElement }[]): string {
  const ink = token('--ink');
  let top = 0;
  let width = 0;
  const parts = drawings.map(({ title, svg }) => {
    const copy = svg.cloneNode(true);
    if (!(copy instanceof SVGSVGElement)) return '';
    const from = [svg, ...svg.querySelectorAll('*')];
    const to = [copy, ...copy.querySelectorAll('*')];
    from.forEach((element, i) => {
      const style = getComputedStyle(element);
      to[i]?.removeAttribute('class');
      for (const property of STYLES) to[i]?.setAttribute(property, style.getPropertyValue(property));
    });
    const { width: wide, height } = svg.getBoundingClientRect();
    copy.setAttribute('x', '0');
    copy.setAttribute('y', String(top + TITLE));
    const part = `<text x="4" y="${top + 16}" font-size="13" fill="${ink}">${escapeXml(title)}</text>${new XMLSerializer().serializeToString(copy)}`;
    top += height + TITLE + 8;
    width = Math.max(width, wide);
    return part;
  });
  return svgDocument(Math.ceil(width), Math.ceil(top), parts.join(''));
}
