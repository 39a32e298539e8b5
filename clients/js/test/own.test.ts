/** Handing a circle over, and what one missed. */
import { expect, it } from "vitest";
import { Refused, caughtUp, handOver, missed } from "../src/index.js";
import { problem } from "./fake-server.js";
import { World } from "./world.js";

const ann = { id: "m_ann", name: "小安", mark: "owner" } as const;

async function signedIn(): Promise<World> {
  const world = new World();
  world.server.rest = (call) => {
    if (call === "POST sign-in") return { status: 200, body: world.server.token(ann) };
    return { status: 401, body: problem("token_revoked", "reauth", 401) };
  };
  await world.client.signIn("小安", "correct horse battery");
  return world;
}

it("hands the circle over with the password, and says why where that is another one", async () => {
  const world = await signedIn();
  const heard: unknown[] = [];
  world.server.rest = (call, body) => {
    heard.push([call, body]);
    const { password } = body as { password: string };
    if (password !== "correct horse battery")
      return { status: 401, body: problem("sign_in_failed", "none", 401) };
    return { status: 200, body: { id: "m_bo", name: "小波", mark: "owner", joined_ms: 1 } };
  };
  const card = await handOver(world.client, "m_bo", "correct horse battery");
  expect(card.mark).toBe("owner");
  expect(heard).toEqual([["PUT circle/owner", { member: "m_bo", password: "correct horse battery" }]]);
  await expect(handOver(world.client, "m_bo", "a guess")).rejects.toThrow(Refused);
});

it("asks what was missed, and puts it away", async () => {
  const world = await signedIn();
  let upto: unknown;
  world.server.rest = (call, body) => {
    if (call === "GET missed") return { status: 200, body: { missed: [{ room: "live", ended_ms: 7 }] } };
    upto = [call, body];
    return { status: 204, body: null };
  };
  const [it] = await missed(world.client);
  expect(it?.ended_ms).toBe(7);
  await caughtUp(world.client, 7);
  expect(upto).toEqual(["POST missed/seen", { upto_ms: 7 }]);
});
