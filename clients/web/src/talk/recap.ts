/** A first draft of what tells of a broadcast that is over: its questions, polls and pins, and when they were. Pure. */
import { TOPIC_QUOTES_MAX, type Quoted, type Summary } from "@weiquan/client";
import { paths } from "../app/router.svelte";
import { count, running } from "../i18n/format";
import type { Words } from "../i18n/en";
import type { Language } from "../i18n/languages";
import { escaped } from "../topic/text";
import { emptyDraft, titleOf, type TopicDraft } from "./draft";

/** Letters of one line of what was when. */
const LINE = 60;

const RECAP = "recap";

/** The broadcast that an address asks a recap of. */
export function recapIn(search: string): { room: string; id: string } | undefined {
  const [room, id, ...more] = (new URLSearchParams(search).get(RECAP) ?? "").split("/");
  return room && id && more.length === 0 ? { room, id } : undefined;
}

export const recapPath = (room: string, id: string): string => `${paths.newTopic}?${RECAP}=${encodeURIComponent(`${room}/${id}`)}`;

/** `cid` makes it one topic, however often it is sent. Those whose questions were answered are quoted, and have credit. */
export function recapOf(summary: Summary, cid: string, words: Words, language: Language): TopicDraft {
  const { room, broadcast, answered, pins, polls } = summary;
  const say = words.talk.recap;
  const number = (n: number): string => count(n, language);
  const parts = [
    `${say.about(escaped(broadcast.host.name), running(summary.played_ms), number(summary.people), number(summary.messages))} [${say.numbers}](${paths.summary(room, broadcast.id)})`,
  ];

  const moments = [
    ...answered.map((it) => ({ ...it, what: say.question, words: it.text ?? "" })),
    ...polls.map(({ seq, pos, question }) => ({ of: seq, pos, what: say.poll, words: question })),
    ...pins.map((it) => ({ ...it, what: say.pin, words: it.text ?? it.card?.kind ?? "" })),
  ].filter((it) => it.pos !== undefined && it.words.trim() !== "");
  const lines = moments.map(({ of, pos = 0, what, words: said }) => {
    const when = of === undefined ? running(pos) : `[${running(pos)}](${paths.message(room, of)})`;
    return { pos, line: `- ${when} ${what}${short(said)}` };
  });
  for (const { topic, second } of summary.moments ?? []) {
    const pos = second * 1_000;
    lines.push({ pos, line: `- ${running(pos)} ${words.moment.inText}[${short(topic.title)}](${paths.topic(topic.room)})` });
  }
  lines.sort((a, b) => a.pos - b.pos);
  if (lines.length > 0) parts.push(`## ${say.moments}`, lines.map((it) => it.line).join("\n"));

  if (polls.length > 0) {
    parts.push(`## ${say.polls}`);
    for (const { question, options, voters } of polls) {
      const of = (votes: number): string => `${number(votes)} · ${voters === 0 ? 0 : Math.round((100 * votes) / voters)}%`;
      parts.push(`**${escaped(question)}** · ${say.voters(number(voters))}`);
      parts.push(options.map(({ text, votes }) => `- ${escaped(text)}: ${of(votes)}`).join("\n"));
    }
  }

  const own = pins.filter((it): it is Quoted & { text: string } => (it.text ?? "").trim() !== "");
  if (own.length > 0) parts.push(`## ${say.pins}`, own.map(({ text }) => quoted(text)).join("\n\n"));

  const seqs = answered.map((it) => it.of).filter((it) => it !== undefined);
  const from = { room, title: summary.room_title, topic: false, seqs: [...seqs].sort((a, b) => a - b).slice(0, TOPIC_QUOTES_MAX) };
  return {
    ...emptyDraft(cid), kind: "recap", title: titleOf(say.title(broadcast.title)), text: parts.join("\n\n"), recap: { room, id: broadcast.id },
    ...(from.seqs.length > 0 ? { from } : {}),
  };
}

function short(text: string): string {
  const letters = [...text.replace(/\s+/g, " ").trim()];
  return escaped(letters.length > LINE ? `${letters.slice(0, LINE - 1).join("")}…` : letters.join(""));
}

/** As somebody else's words, line by line. */
const quoted = (text: string): string => text.trim().split("\n").map((line) => `> ${escaped(line)}`).join("\n");
