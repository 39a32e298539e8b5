/** Giving a role, and saying what came of it: the list of members and a room's people do it alike. */
import type { MemberCard, MemberRole, Person } from "@weiquan/client";
import { app, refusalIn, wordsFor } from "../app/app.svelte";
import { t } from "../i18n/i18n.svelte";

/** The member as they are now; `undefined` where it was refused, which was said. */
export async function giveRole({ id, name }: Pick<Person, "id" | "name">, role: MemberRole): Promise<MemberCard | undefined> {
  try {
    const card = await app.client.setRole(id, role);
    app.note(role === "moderator" ? t().members.doneAppoint(name) : t().members.doneDismiss(name));
    return card;
  } catch (error) {
    // "Not found" is a room elsewhere; here it is a person of another site.
    app.note(refusalIn(error)?.code === "not_found" ? t().members.notHere : wordsFor(error), "wrong");
    return undefined;
  }
}
