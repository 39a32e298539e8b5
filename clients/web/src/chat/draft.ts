/** What was written and not yet sent, one for each room; it outlives the page. */
const key = (slug: string): string => `weiquan.draft.${slug}`;

export function keptDraft(slug: string): string {
  try {
    return localStorage.getItem(key(slug)) ?? "";
  } catch {
    return "";
  }
}

export function keepDraft(slug: string, text: string): void {
  try {
    if (text) localStorage.setItem(key(slug), text);
    else localStorage.removeItem(key(slug));
  } catch {
    // Storage may be forbidden or full: the draft lives as long as the page.
  }
}
