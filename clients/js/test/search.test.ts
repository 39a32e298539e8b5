/** Finding what was said: what is asked of the server, and giving a request up. */
import { expect, it } from "vitest";
import { Search, type SearchPage, Unreachable } from "../src/index.js";
import { call } from "../src/rest.js";
import { problem } from "./fake-server.js";
import { World } from "./world.js";

const page: SearchPage = {
  hits: [
    {
      room: "lobby",
      room_title: "大厅",
      seq: 4711,
      at_ms: 1,
      author: { id: "m_7f", name: "小安", mark: "member" },
      text: "🎉周三的讀書會",
      before: false,
      behind: true,
      places: [{ from: 4, to: 7 }],
    },
  ],
  next: "9.3",
};

it("asks as the server reads it, and says nothing of what was not said", async () => {
  const world = new World();
  world.server.rest = () => ({ status: 200, body: page });
  const search = new Search(world.client);
  const found = await search.search({
    q: '"周三 的" & 读书会',
    room: "lobby",
    author: "m_7f",
    from: 0,
    to: 9,
    has: ["link", "card"],
    after: "9.3",
    n: 50,
  });
  await search.search({ q: "", has: [] });
  await search.search({ room: "lobby", has: ["image"] });
  expect(world.server.calls).toEqual([
    "GET search?q=%22%E5%91%A8%E4%B8%89+%E7%9A%84%22+%26+%E8%AF%BB%E4%B9%A6%E4%BC%9A&room=lobby&author=m_7f&from=0&to=9&after=9.3&n=50&has=link%2Ccard",
    "GET search",
    "GET search?room=lobby&has=image",
  ]);
  expect(found).toEqual(page);
  const { text, places } = found.hits[0]!;
  expect([...text].slice(places[0]!.from, places[0]!.to).join("")).toBe("讀書會");
});

it("is asked as who one is, and by nobody without a token", async () => {
  const world = new World();
  const heard: (string | null)[] = [];
  world.server.rest = (call, body, token) => {
    if (call === "POST guests") return world.server.guestsOnly(call, body);
    heard.push(token);
    return { status: 200, body: page };
  };
  const search = new Search(world.client);
  await search.search({ q: "读" });
  await world.client.beGuest("小明");
  await search.search({ q: "读" });
  expect(heard).toEqual([null, "t1"]);
});

it("hands on the server's no, with how long to wait", async () => {
  const world = new World();
  const no = { ...(problem("rate_limited", "retry", 429) as object), ms: 12_000 };
  world.server.rest = () => ({ status: 429, body: no });
  const asked = new Search(world.client).search({ q: "读书会" });
  await expect(asked).rejects.toMatchObject({ refusal: { code: "rate_limited", ms: 12_000 } });
});

it("gives up a request, which is no network that failed", async () => {
  const stop = new AbortController();
  const never: typeof fetch = (_input, init) =>
    new Promise((_, fail) => init?.signal?.addEventListener("abort", () => fail(new TypeError("cut"))));
  const env = { base: "", fetch: never } as unknown as Parameters<typeof call>[0];
  const asked = call(env, { method: "GET", path: "search?q=x", signal: stop.signal });
  stop.abort();
  await expect(asked).rejects.toMatchObject({ name: "AbortError" });

  const world = new World();
  world.server.down = true;
  const lost = new Search(world.client).search({ q: "读" }, new AbortController().signal);
  await expect(lost).rejects.toBeInstanceOf(Unreachable);
});
