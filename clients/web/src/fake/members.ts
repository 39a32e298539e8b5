/** The stand-in circle's members: enough for a second page. */
import { type MemberCard, type MemberList, type MemberRole, type MemberSearch, Refused } from "@weiquan/client";
import { chen, lin, mo, mu, self, wu, yang, zhou } from "./people";

const DAY = 86_400_000;
const PAGE = 50;

export class FakeMembers {
  #cards: MemberCard[];

  constructor() {
    const named = [lin, mo, mu, zhou, chen, yang, wu].map(({ id, name, mark }) => ({ id, name, mark: mark === "host" ? ("member" as const) : mark }));
    const others = Array.from({ length: 60 }, (_, n) => ({ id: `m_${n}`, name: `书友 ${n + 1}`, mark: "member" as const }));
    const me = self && self.mark !== "guest" ? [self] : [];
    const all = [...me, ...named, ...others].sort((a, b) => (a.name < b.name ? -1 : 1));
    this.#cards = all.map((it, n) => ({ ...it, joined_ms: Date.now() - (n + 1) * 3 * DAY }));
  }

  page({ q = "", role, after }: MemberSearch): MemberList {
    const fitting = this.#cards.filter((it) => it.name.includes(q) && (role === undefined || it.mark === role));
    const from = after === undefined ? 0 : fitting.findIndex((it) => it.id === after) + 1;
    const members = fitting.slice(from, from + PAGE);
    const more = from + PAGE < fitting.length;
    return { members, next: more ? (members.at(-1)?.id ?? null) : null, count: fitting.length };
  }

  give(id: string, role: MemberRole): MemberCard {
    const card = this.#cards.find((it) => it.id === id);
    if (!card) throw new Refused({ code: "not_found", say: "", act: "stop" });
    const given: MemberCard = { ...card, mark: role };
    this.#cards = this.#cards.map((it) => (it.id === id ? given : it));
    return given;
  }
}
