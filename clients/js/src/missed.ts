/** What a member missed in the live: apart from the core, as only a page that shows it asks. */
import type { Missed, MissedList, MissedSeen } from "./protocol/index.js";
import type { Caller } from "./rest.js";

/** Broadcasts of the last two weeks that ended while one was not there, the newest first, until they are put away. */
export async function missed(client: Caller): Promise<Missed[]> {
  return (await client.rest<MissedList>({ method: "GET", path: "missed" })).missed;
}

/** Broadcasts that ended by then (Unix ms) are no news, on any device. */
export async function caughtUp(client: Caller, upto_ms: number): Promise<void> {
  const body: MissedSeen = { upto_ms };
  await client.rest({ method: "POST", path: "missed/seen", body });
}
