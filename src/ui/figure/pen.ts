import { escapeXml } from './saveFile.ts';

interface TextLook {
  readonly colour: string;
  readonly size: number;
  readonly bold?: boolean;
  readonly anchor?: 'start' | 'end';
  /** A quarter turn counter-clockwise about its place. */
  readonly upright?: boolean;
}

/** What a figure is drawn with, once for the screen (canvas) and once for files (SVG), so that both show the same. */
export interface Pen {
  rect(x: number, y: number, width: number, height: number, colour: string): void;
  line(x1: number, y1: number, x2: number, y2: number, colour: string, width: number, opacity: number): void;
  text(x: number, y: number, words: string, look: TextLook): void;
}

/** @param context scaled so that its units are CSS pixels */
export function canvasPen(context: CanvasRenderingContext2D, font: string): Pen {
  return {
    rect(x, y, width, height, colour) {
      context.fillStyle = colour;
      context.fillRect(x, y, width, height);
    },
    line(x1, y1, x2, y2, colour, width, opacity) {
      context.globalAlpha = opacity;
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.beginPath();
      context.moveTo(x1, y1);
      context.lineTo(x2, y2);
      context.stroke();
      context.globalAlpha = 1;
    },
    text(x, y, words, look) {
      context.save();
      context.translate(x, y);
      if (look.upright === true) context.rotate(-Math.PI / 2);
      context.fillStyle = look.colour;
      context.font = `${look.bold === true ? '600 ' : ''}${look.size}px ${font}`;
      context.textAlign = look.anchor ?? 'start';
      context.fillText(words, 0, 0);
      context.restore();
    },
  };
}

/** Draws on a canvas of `width` x `height` CSS pixels, sharp on dense screens. */
export function paint(canvas: HTMLCanvasElement, width: number, height: number, draw: (pen: Pen) => void): void {
  const dense = window.devicePixelRatio;
  canvas.width = Math.round(width * dense);
  canvas.height = Math.round(height * dense);
  const context = canvas.getContext('2d');
  if (context === null) return;
  context.scale(dense, dense);
  draw(canvasPen(context, getComputedStyle(canvas).fontFamily));
}

const short = (value: number): string => String(Math.round(value * 100) / 100);

/** The same drawing as SVG elements. */
export function svgElements(draw: (pen: Pen) => void): string {
  const parts: string[] = [];
  draw({
    rect(x, y, width, height, colour) {
      parts.push(`<rect x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}" fill="${colour}"/>`);
    },
    line(x1, y1, x2, y2, colour, width, opacity) {
      parts.push(
        `<path d="M${short(x1)} ${short(y1)}L${short(x2)} ${short(y2)}" stroke="${colour}" stroke-width="${short(width)}" stroke-opacity="${short(opacity)}"/>`,
      );
    },
    text(x, y, words, { colour, size, bold, anchor, upright }) {
      const turn = upright === true ? ` transform="rotate(-90 ${short(x)} ${short(y)})"` : '';
      parts.push(
        `<text x="${short(x)}" y="${short(y)}" fill="${colour}" font-size="${size}"${bold === true ? ' font-weight="600"' : ''}${anchor === 'end' ? ' text-anchor="end"' : ''}${turn}>${escapeXml(words)}</text>`,
      );
    },
  });
  return parts.join('');
}
