/** Light, dark, or as the system says: applied before the first paint by `public/theme.js`. */
import { DeviceChoice } from "../app/choice.svelte";

export type Theme = "system" | "light" | "dark";

class ThemeChoice extends DeviceChoice<Theme> {
  override choose(theme: Theme): void {
    super.choose(theme);
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  }
}

export const theme = new ThemeChoice("weiquan.theme", ["system", "light", "dark"]);
export const themes = theme.values;
