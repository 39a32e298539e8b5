import type { MemberCard, MemberList, MemberSearch, Person, Phase, RoomView } from "@weiquan/client";
import { describe, expect, it, vi } from "vitest";
import { coHostFor, mayAct, roleFor } from "../src/chat/rights";
import { en } from "../src/i18n/en";
import { earliest, fromField, proposed, toField, until } from "../src/schedule/times";

vi.stubGlobal("location", { pathname: "/", origin: "http://localhost" });
vi.mock("#platform", () => {
  const never = { get: () => null, subscribe: () => () => {} };
  return { platform: { client: { who: never, status: never }, sources: () => Promise.reject(new Error("none")) } };
});
vi.mock("../src/i18n/i18n.svelte", async () => ({ t: () => en, spoken: { language: "en" } }));
const { MemberBook } = await import("../src/members/members.svelte");
const { momentOf } = await import("../src/schedule/announce");
const { routeOf, paths } = await import("../src/app/router.svelte");

const card = (id: string, mark: MemberCard["mark"] = "member"): MemberCard => ({ id, name: id, mark, joined_ms: 1 });

/** A server whose answers are given by hand. */
class Desk {
  asked: { search: MemberSearch; answer: (page: MemberList) => void; fail: (error: unknown) => void }[] = [];
  members = (search: MemberSearch = {}): Promise<MemberList> =>
    new Promise((answer, fail) => this.asked.push({ search, answer, fail }));
  last() {
    const it = this.asked.at(-1);
    if (!it) throw new Error("nothing was asked");
    return it;
  }
}

describe("the list of members", () => {
  it("is read page by page, and a new search begins at the front", async () => {
    const desk = new Desk();
    const book = new MemberBook(desk);
    const first = book.find("  ", "everybody");
    expect(desk.last().search).toEqual({});
    desk.last().answer({ members: [card("a"), card("b")], next: "b", count: 3 });
    await first;
    expect([book.rows?.map((it) => it.id), book.count, book.hasMore]).toEqual([["a", "b"], 3, true]);
    const second = book.more();
    expect(desk.last().search).toEqual({ after: "b" });
    // Pressed twice: one page, not two.
    void book.more();
    expect(desk.asked).toHaveLength(2);
    desk.last().answer({ members: [card("c")], next: null, count: 3 });
    await second;
    expect([book.rows?.map((it) => it.id), book.hasMore]).toEqual([["a", "b", "c"], false]);
    await book.more();
    void book.find(" An ", "moderators");
    expect(desk.last().search).toEqual({ q: "An", role: "moderator" });
  });

  it("shows the answer to the last search, however late an earlier one comes", async () => {
    const desk = new Desk();
    const book = new MemberBook(desk);
    const slow = book.find("a", "everybody");
    const slowly = desk.last();
    const quick = book.find("ab", "everybody");
    desk.last().answer({ members: [card("ab")], next: null, count: 1 });
    await quick;
    slowly.answer({ members: [card("a"), card("ab")], next: null, count: 2 });
    await slow;
    expect(book.rows?.map((it) => it.id)).toEqual(["ab"]);
    expect(book.loading).toBe(false);
  });

  it("says what failed, keeps what it had, and tries again", async () => {
    const desk = new Desk();
    const book = new MemberBook(desk);
    const first = book.find("", "everybody");
    desk.last().answer({ members: [card("a")], next: null, count: 1 });
    await first;
    const failing = book.again();
    desk.last().fail({ code: "busy", say: "" });
    await failing;
    expect([book.failure, book.rows?.length]).toEqual([en.refusals.busy, 1]);
    const mended = book.again();
    desk.last().answer({ members: [card("a"), card("b")], next: null, count: 2 });
    await mended;
    expect([book.failure, book.rows?.length]).toEqual([undefined, 2]);
  });

  it("shows a role where the member stands", async () => {
    const desk = new Desk();
    const book = new MemberBook(desk);
    const first = book.find("", "everybody");
    desk.last().answer({ members: [card("a"), card("b")], next: null, count: 2 });
    await first;
    book.changed(card("b", "moderator"));
    expect(book.rows?.map((it) => it.mark)).toEqual(["member", "moderator"]);
  });

  it("has an address", () => {
    expect(routeOf(paths.members)).toEqual({ page: "members" });
    expect(routeOf("/members/x")).toEqual({ page: "not-found" });
  });
});

describe("what the owner could make of somebody", () => {
  const view = (mark: RoomView["mark"], can: string[] = []): Pick<RoomView, "can" | "mark" | "me" | "broadcast"> => ({
    mark, can: new Set(can) as RoomView["can"], me: { id: "m_me", name: "me", mark }, broadcast: null,
  });
  const person = (mark: Person["mark"], id = "m_x"): Person => ({ id, name: "x", mark });

  it("is a moderator or a member again, and nothing for guests, owners and oneself", () => {
    const owner = view("owner");
    expect(roleFor(owner, person("member"))).toBe("moderator");
    expect(roleFor(owner, person("host"))).toBe("moderator");
    expect(roleFor(owner, person("moderator"))).toBe("member");
    expect(roleFor(owner, person("guest"))).toBeUndefined();
    expect(roleFor(owner, person("owner"))).toBeUndefined();
    expect(roleFor(owner, person("member", "m_me"))).toBeUndefined();
    for (const mark of ["moderator", "host", "member", "guest"] as const) expect(roleFor(view(mark), person("member"))).toBeUndefined();
  });

  it("is a co-host, while a broadcast is announced or on", () => {
    const of = (mark: Person["mark"], phase?: Phase, id = "m_x") => {
      const broadcast = phase ? { id: "b", phase, title: "x", host: person("host", "m_lin") } : null;
      return coHostFor({ ...view("host", ["co_host"]), broadcast }, person(mark, id));
    };
    expect([of("member", "scheduled"), of("member", "live")]).toEqual([true, true]);
    expect([of("co_host", "live"), of("co_host", "paused")]).toEqual([false, false]);
    expect([of("member"), of("member", "ended"), of("member", "archived")]).toEqual([undefined, undefined, undefined]);
    expect([of("guest", "live"), of("moderator", "live"), of("member", "live", "m_lin")]).toEqual([undefined, undefined, undefined]);
  });

  it("opens the menu of a person even where nothing else may be done", () => {
    expect(mayAct(view("owner"), person("moderator"))).toBe(true);
    expect(mayAct(view("moderator", ["mute", "ban"]), person("member"))).toBe(true);
    expect(mayAct(view("moderator", ["mute", "ban"]), person("moderator"))).toBe(false);
    expect(mayAct(view("member"), person("guest"))).toBe(false);
  });
});

describe("a moment to announce", () => {
  const now = new Date(2026, 10, 22, 19, 40, 30).getTime();

  it("goes into the field and out again to the minute, in the device's zone", () => {
    expect(toField(now)).toBe("2026-11-22T19:40");
    expect(fromField("2026-11-22T19:40")).toBe(new Date(2026, 10, 22, 19, 40).getTime());
    for (const ms of [0, now, new Date(2027, 2, 28, 2, 30).getTime()]) {
      expect(fromField(toField(ms))).toBe(Math.floor(ms / 60_000) * 60_000);
    }
    for (const none of ["", "morgen", "2026-11-22", "2026-13-40T99:99", "1795000000000"]) expect(fromField(none), none).toBeUndefined();
  });

  it("is proposed at a full hour that leaves time to tell people", () => {
    expect(toField(proposed(now))).toBe("2026-11-22T21:00");
    expect(toField(proposed(new Date(2026, 10, 22, 19, 20).getTime()))).toBe("2026-11-22T20:00");
    expect(proposed(now)).toBeGreaterThan(now + 30 * 60_000);
    expect(earliest(now)).toBe("2026-11-22T19:41");
  });

  it("lies ahead, or it is said why not", () => {
    expect(momentOf("2026-11-22T19:41", now)).toEqual({ at: new Date(2026, 10, 22, 19, 41).getTime() });
    expect(momentOf("2026-11-22T19:40", now)).toEqual({ wrong: en.refusals.start_past });
    expect(momentOf("", now)).toEqual({ wrong: en.schedule.whenMissing });
  });

  it("is counted down to, and past it nothing negative is said", () => {
    expect(until(now + 42 * 60_000, now, en)).toBe("in 42 min");
    expect(until(now + 3 * 86_400_000, now, en)).toBe("in 3 days");
    expect(until(now, now, en)).toBe("any moment now");
    expect(until(now - 5_000, now, en)).toBe("any moment now");
  });
});
