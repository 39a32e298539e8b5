/** A line of the audit log in words. Pure. */
import type { ActCard } from "@weiquan/client";
import type { Words } from "../i18n/en";

/** What was done; a kind that this page does not know yet is said as it is written. */
export function headline({ what, by, whom }: ActCard, words: Words): string {
  const did: Record<string, ((by: string, whom: string) => string) | undefined> = words.audit.did;
  return did[what]?.(by.name, whom?.name ?? "") ?? [by.name, what, whom?.name].filter(Boolean).join(" ");
}

/** What a line adds to that: what somebody said or named, what it was set to, or the message that it was about. */
export type Detail = { kind: "said" | "set"; text: string } | { kind: "message"; seq: number };

/** A form that this page does not know yet is shown as it is written. */
export function detail({ what, why }: ActCard, words: Words): Detail | undefined {
  // What vouches for the lines that lost a name says nothing to people.
  if (why === "" || what === "erase_account") return undefined;
  const message = what === "delete" || what === "hold" ? /^#(\d+)$/.exec(why) : null;
  if (message) return { kind: "message", seq: Number(message[1]) };
  const set = setTo(what, why, words);
  return set === undefined ? { kind: "said", text: why } : { kind: "set", text: set };
}

function setTo(what: string, why: string, words: Words): string | undefined {
  switch (what) {
    case "role":
      return named(words.marks, why);
    case "mode":
      return named(words.modes, why);
    case "slow_mode": {
      const ms = /^(\d+) ms$/.exec(why)?.[1];
      return ms === undefined ? undefined : gap(Number(ms), words);
    }
    case "rules": {
      const [, refuse, hold, links = ""] = /^refuse (\d+), hold (\d+), links (\w+)$/.exec(why) ?? [];
      const rule = named(words.order.linkRules, links);
      return rule === undefined ? undefined : words.audit.rules(Number(refuse), Number(hold), rule);
    }
    case "topic":
      return topicSet(why, words);
    default:
      return undefined;
  }
}

function topicSet(why: string, words: Words): string | undefined {
  const [, what = "", rest = ""] = /^(\w+) ?(.*)$/s.exec(why) ?? [];
  const { topics, topicAccepted, topicBoard, topicTitle } = words.audit;
  if (rest === "") return named(topics, what);
  if (what === "title") return topicTitle(rest);
  if (what === "board") return topicBoard(rest === "none" ? words.talk.noBoard : rest);
  if (what === "accepted") return topicAccepted(rest.replace("#", ""));
  if (what !== "status") return undefined;
  const [, status = "", reason = ""] = /^(\w+) ?(.*)$/s.exec(rest) ?? [];
  const said = named(words.talk.statuses, status);
  return said && reason ? `${said} · ${reason}` : said;
}

function named(names: object, key: string): string | undefined {
  const name: unknown = Object.hasOwn(names, key) ? names[key as keyof typeof names] : undefined;
  return typeof name === "string" ? name : undefined;
}

/** To the second: a minute and a half is not "1 min" where one looks up what was set. */
function gap(ms: number, words: Words): string {
  if (ms === 0) return words.audit.noGap;
  const { minutes, seconds } = words.common;
  return words.audit.gap(ms % 60_000 === 0 ? minutes(ms / 60_000) : seconds(ms / 1000));
}
