/** Whether bytes are dear on this device: as the browser says, or as one chose. Kept per device. */
export type Saving = "auto" | "on" | "off";

const KEY = "weiquan.saving";

export const savings: readonly Saving[] = ["auto", "on", "off"];

/** What Chromium tells of the line (Network Information API); elsewhere nothing is known. */
interface Line {
  readonly saveData?: boolean;
  readonly effectiveType?: string;
}

const SLOW: readonly string[] = ["slow-2g", "2g", "3g"];

function stored(): Saving {
  try {
    const value = localStorage.getItem(KEY);
    return value === "on" || value === "off" ? value : "auto";
  } catch {
    return "auto";
  }
}

/** By itself it is on where the person asked the browser to save, or the line is a slow one. */
export function savesOn(saving: Saving, line: Line | undefined): boolean {
  if (saving !== "auto") return saving === "on";
  return line?.saveData === true || SLOW.includes(line?.effectiveType ?? "");
}

class SavingChoice {
  #now = $state<Saving>(stored());

  get now(): Saving {
    return this.#now;
  }

  choose(saving: Saving): void {
    this.#now = saving;
    try {
      if (saving === "auto") localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, saving);
    } catch {
      // Storage may be forbidden: the choice holds until the page is closed.
    }
  }

  /** Asked at each connection: a choice counts from the next one on. */
  readonly compress = (): boolean =>
    savesOn(this.#now, (navigator as { connection?: Line }).connection);
}

export const saving = new SavingChoice();
