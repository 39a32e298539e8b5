/** What a person chose, as the moment to announce, or in words what is wrong with it. */
import { t } from "../i18n/i18n.svelte";
import { fromField } from "./times";

/** Words are as they are to be shown; the server decides again. */
export function momentOf(field: string, now: number): { at: number } | { wrong: string } {
  const at = fromField(field);
  if (at === undefined) return { wrong: t().schedule.whenMissing };
  return at > now ? { at } : { wrong: t().refusals.start_past };
}
