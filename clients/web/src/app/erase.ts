/** The end of an account: loaded with its page. */
import { eraseAccount, type Weiquan, type Writings } from "@weiquan/client";

export const erase = (client: Weiquan, password: string, writings: Writings): Promise<void> =>
  eraseAccount(client, password, writings);
