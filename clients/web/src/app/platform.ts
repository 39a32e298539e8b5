/** The real thing: the client of the server this page came from, and the browser's own devices. */
import { Weiquan } from "@weiquan/client";
import { spoken } from "../i18n/i18n.svelte";
import type { Platform } from "./ports";
import { compress } from "./saving.svelte";
import { keepShell } from "./shell";

const client = new Weiquan({ base: location.origin, compress, nobody: () => spoken.nobody });

export const platform: Platform = {
  client,
  check: () => import("./check").then((it) => it.check()),
  sources: () => import("./sources").then((it) => it.sources),
  topics: () => import("./topics").then((it) => it.topics(client)),
  search: () => import("./search").then((it) => it.search(client)),
  own: () => import("./own").then((it) => it.own(client)),
  keepShell,
};
