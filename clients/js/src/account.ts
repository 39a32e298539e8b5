/** The end of an account, and handing a circle over: apart from the core, as hardly anybody asks for it. */
import type { WeiquanApi } from "./api.js";
import type { HandOverWish, MemberCard, Writings } from "./protocol/index.js";
import type { Caller } from "./rest.js";

/**
 * Erases the account that one is signed in to: once this is done nobody sees its name, and here nobody is signed in.
 * What one wrote stays without a name (`keep`) or goes (`remove`). Refused with `sign_in_failed` where the password is
 * another one, and with `not_permitted` where the circle has no other owner.
 */
export async function eraseAccount(
  client: Caller & Pick<WeiquanApi, "signOut">,
  password: string,
  writings: Writings,
): Promise<void> {
  await client.rest({ method: "DELETE", path: "me", body: { password, writings } });
  // The server knows this identity no more, and says so; what is kept of it here goes all the same.
  await client.signOut(false).catch(() => {});
}

/**
 * Hands the circle over: that member owns it at once, and one is a moderator. For the owner, with their password.
 * Refused with `sign_in_failed` where the password is another one, and with `role_fixed` for oneself.
 */
export function handOver(client: Caller, member: string, password: string): Promise<MemberCard> {
  const body: HandOverWish = { member, password };
  return client.rest({ method: "PUT", path: "circle/owner", body });
}
