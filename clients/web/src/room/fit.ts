/** How many lines a picture needs where it is shown. Pure. */

/** A picture whose lines are shown a quarter larger looks the same. */
const ENOUGH = 0.8;
/** Small changes of a window ask for nothing. */
const STEP = 30;

/** `height` in pixels of the page, `density` of the screen's for each. */
export function linesFor(height: number, density: number): number {
  return Math.max(STEP, Math.ceil((height * density * ENOUGH) / STEP) * STEP);
}
