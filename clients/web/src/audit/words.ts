/** A line of the audit log in words. */
import type { ActCard } from "@weiquan/client";
import type { Words } from "../i18n/en";

/** What was done; a kind that this page does not know yet is said as it is written. */
export function headline({ what, by, whom }: ActCard, words: Words): string {
  const did: Record<string, ((by: string, whom: string) => string) | undefined> = words.audit.did;
  return did[what]?.(by.name, whom?.name ?? "") ?? [by.name, what, whom?.name].filter(Boolean).join(" ");
}

/** Why, or what it was about: a role in the page's own words, all else as it was said. */
export function detail({ what, why }: ActCard, words: Words): string {
  const marks: Record<string, string | undefined> = words.marks;
  return what === "role" ? (marks[why] ?? why) : why;
}
