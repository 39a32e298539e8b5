/** What is one's own to do and to see, seldom: loaded with what asks for it. */
import { caughtUp, eraseAccount, handOver, missed, type Weiquan } from "@weiquan/client";
import type { Own } from "./ports";

export const own = (client: Weiquan): Own => ({
  erase: (password, writings) => eraseAccount(client, password, writings),
  handOver: (member, password) => handOver(client, member, password),
  missed: () => missed(client),
  caughtUp: (upto) => caughtUp(client, upto),
});
