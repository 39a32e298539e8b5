/** Whether bytes are dear on this device: as the browser says, or as one chose. */
import { DeviceChoice } from "./choice.svelte";

export type Saving = "auto" | "on" | "off";

/** What Chromium tells of the line (Network Information API); elsewhere nothing is known. */
interface Line {
  readonly saveData?: boolean;
  readonly effectiveType?: string;
}

const SLOW: readonly string[] = ["slow-2g", "2g", "3g"];

/** By itself it is on where the person asked the browser to save, or the line is a slow one. */
export function savesOn(saving: Saving, line: Line | undefined): boolean {
  if (saving !== "auto") return saving === "on";
  return line?.saveData === true || SLOW.includes(line?.effectiveType ?? "");
}

export const saving = new DeviceChoice<Saving>("weiquan.saving", ["auto", "on", "off"]);
export const savings = saving.values;

/** Asked at each connection: a choice counts from the next one on. */
export const compress = (): boolean => savesOn(saving.now, (navigator as { connection?: Line }).connection);
