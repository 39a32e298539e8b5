/** Light, dark, or as the system says: kept per device, applied before the first paint by `public/theme.js`. */
export type Theme = "system" | "light" | "dark";

const KEY = "weiquan.theme";

export const themes: readonly Theme[] = ["system", "light", "dark"];

function stored(): Theme {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : "system";
  } catch {
    return "system";
  }
}

class ThemeChoice {
  #now = $state<Theme>(stored());

  get now(): Theme {
    return this.#now;
  }

  choose(theme: Theme): void {
    this.#now = theme;
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    try {
      if (theme === "system") localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, theme);
    } catch {
      // Storage may be forbidden: the choice holds until the page is closed.
    }
  }
}

export const theme = new ThemeChoice();
