/** Who lives in the stand-in circle. */
import type { Mark, Me, Person } from "@weiquan/client";
import { wishes } from "./wishes";

const person = (id: string, name: string, mark: Mark = "member"): Person => ({ id: `m_${id}`, name, mark });

export const lin = person("lin", "林小满", "host");
export const mo = person("mo", "Mo", "moderator");
export const zhou = person("zhou", "周舟");
export const chen = person("chen", "陈默");
export const yang = person("yang", "杨柳");
export const bei: Person = { id: "g_bei", name: "小北", mark: "guest" };
export const wu = person("wu", "Wu");
export const mu = person("mu", "阿木", "host");
export const everybody = [lin, mo, zhou, chen, yang, bei, wu];

const selves: Record<typeof wishes.who, Me | null> = {
  owner: { id: "m_me", name: "许知远", mark: "owner" },
  host: { id: "m_lin", name: "林小满", mark: "member" },
  member: { id: "m_me", name: "何夕", mark: "member" },
  guest: { id: "g_me", name: "访客 47", mark: "guest" },
  nobody: null,
};

export const self = selves[wishes.who];
