/**
 * What a check or a screenshot asks for, by the address: `?who=owner&circle=empty&status=offline&lang=pseudo`.
 * Kept for the visit, so that links within the page keep it. The room's state is told by its slug.
 */
export interface Wishes {
  who: "owner" | "host" | "member" | "guest" | "nobody";
  circle: "full" | "empty" | "new";
  status: "online" | "offline" | "reconnecting" | "refused";
  lang: "" | "pseudo";
  /** What a check of the line finds. */
  line: "good" | "tcp" | "bad" | "waiting";
  /** One's own address of e-mail: works, is refused, or there is none. */
  mail: "good" | "fails" | "none";
}

const NONE: Wishes = { who: "member", circle: "full", status: "online", lang: "", line: "good", mail: "good" };

function read(): Wishes {
  const kept: Partial<Wishes> = JSON.parse(sessionStorage.getItem("fake") ?? "{}");
  const asked = Object.fromEntries(new URLSearchParams(location.search)) as Partial<Wishes>;
  const wishes = { ...NONE, ...kept, ...asked };
  sessionStorage.setItem("fake", JSON.stringify(wishes));
  return wishes;
}

export const wishes = read();
