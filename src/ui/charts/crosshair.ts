import { create } from 'zustand';

/** The step under the crosshair that all charts share; changes with the pointer, so it has a store of its own. */
export const useCrosshair = create<{ readonly step: number | undefined }>(() => ({ step: undefined }));

/** Plot margins in CSS pixels: room for the axis on the left, for the lines' names on the right. */
export const PLOT = { left: 44, right: 92 } as const;

/** The value at a step, or at the nearest measured step before it. */
export function valueAt(points: readonly { readonly step: number; readonly value: number }[], step: number): number | undefined {
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((points[middle]?.step ?? Infinity) <= step) low = middle + 1;
    else high = middle;
  }
  return points[low - 1]?.value;
}
