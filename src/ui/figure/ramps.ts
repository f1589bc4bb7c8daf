import { token } from './svgDocument.ts';

const SHADES = 9;

/** A colour ramp of the theme at hand, from its tokens: `seq` for amounts, `div` for differences. */
export function readRamp(name: 'seq' | 'div'): readonly string[] {
  return Array.from({ length: SHADES }, (_, i) => token(`--${name}-${i}`));
}

/** Colour of `share`, 0 to 1; beyond is cut off. */
export function rampColour(ramp: readonly string[], share: number): string {
  const shade = Math.floor(Math.min(0.999, Math.max(0, share)) * ramp.length);
  return ramp[shade] ?? '';
}
