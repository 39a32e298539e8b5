// make chart: our measurements beside the peer's, as a picture for the README. What the last `make bench` said of them is
// kept in docs/measured.json, figure by figure, and drawn from there: docs/measured.svg, and docs/measured-dark.svg.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

/** What is drawn: groups of one unit and one scale, each figure with its words. */
export const CHART = [
  { title: "CPU of the server for one message to one viewer", unit: "µs", figures: [
    ["crowd.cpu_ratio_bun_2k", "2,000 viewers", "one room, 10 msg/s"],
    ["whole.fanout_tls_cpu_ratio_bun", "2,000 viewers over TLS", "one room, 10 msg/s"],
    ["crowd.cpu_ratio_bun_10k", "10,000 viewers", "one room, 10 msg/s"],
    ["crowd.cpu_ratio_bun_50ps", "10,000 viewers, much talk", "one room, 50 msg/s"],
    ["crowd.cpu_ratio_bun_small_rooms", "10,000 viewers in 1,000 rooms", "5 msg/s in each"],
  ] },
  { title: "Delay that 99 of 100 messages stay below", unit: "ms", figures: [
    ["crowd.small_room_p99_ratio_bun", "50 small rooms", "beside a room of 10,000"],
  ] },
];

const THEMES = {
  light: { paper: "#faf8f4", line: "#e4dfd5", ink: "#1d1b18", ink2: "#57534c", ink3: "#6f6a62", ours: "#c93a26", theirs: "#a9a297", less: "#276b54", more: "#8a5a0f" },
  dark: { paper: "#131312", line: "#2d2a26", ink: "#eeebe4", ink2: "#b5afa5", ink3: "#989187", ours: "#f26a54", theirs: "#6b665d", less: "#6cc0a0", more: "#e0b15c" },
};

const NAMES = CHART.flatMap((group) => group.figures.map(([name]) => name));

/** What is kept, with what a report says anew. */
export function kept(before, report) {
  const fresh = report.filter((it) => NAMES.includes(it.name) && it.sides && it.value !== null);
  const said = fresh.map(({ name, value, range, rounds, peer, sides }) => [name, { name, ratio: value, range, rounds, peer, ...sides }]);
  const all = new Map([...before.map((it) => [it.name, it]), ...said]);
  return NAMES.flatMap((name) => (all.has(name) ? [all.get(name)] : []));
}

const [WIDTH, EDGE, BARS, BAR_MAX, BAR, ROW] = [830, 28, 288, 356, 14, 56];

/** The picture of the figures that are there. */
export function draw(figures, theme) {
  const colours = THEMES[theme];
  const groups = CHART.map((group) => ({ ...group, figures: group.figures.flatMap(([name, ...words]) => {
    const it = figures.find((one) => one.name === name);
    return it ? [{ ...it, words }] : [];
  }) })).filter((group) => group.figures.length > 0);
  const parts = [];
  let y = 128;
  for (const group of groups) {
    parts.push(text(EDGE, y, "group", group.title), line(y + 14));
    y += 22;
    const most = Math.max(...group.figures.flatMap((it) => [it.ours, it.theirs]));
    for (const it of group.figures) {
      parts.push(...row(it, y, BAR_MAX / most, group.unit));
      y += ROW;
    }
    y += 30;
  }
  const rounds = figures.map((it) => it.rounds);
  const span = Math.min(...rounds) === Math.max(...rounds) ? `${rounds[0]}` : `${Math.min(...rounds)} to ${Math.max(...rounds)}`;
  const notes = [`Both in turn on one core, the same generator on another, each delivery checked; medians of ${span} paired rounds.`,
    "weiquan orders, commits to disk and acknowledges each message before it is announced;", "the relay beside it only passes it on."];
  parts.push(line(y - 18), ...notes.map((it, n) => text(EDGE, y + 6 + n * 20, "note", it)));
  return page(y + 26 + notes.length * 20, colours, groups, parts, peerOf(figures));
}

const peerOf = (figures) => (figures[0]?.peer ?? "the peer").replace(/^b/, "B");
const escaped = (words) => words.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const text = (x, y, kind, words, end = false) => `<text x="${x}" y="${y}" class="${kind}"${end ? ' text-anchor="end"' : ""}>${escaped(words)}</text>`;
const line = (y) => `<line x1="${EDGE}" x2="${WIDTH - EDGE}" y1="${y}" y2="${y}"/>`;
/** As many digits as say something. */
const amount = (it) => it.toFixed(it < 10 ? 2 : it < 100 ? 1 : 0);

function row({ words: [words, more], ours, theirs, ratio }, y, scale, unit) {
  const bar = (of, kind, top) => {
    const width = Math.max(2, of * scale).toFixed(1);
    return `<rect x="${BARS}" y="${top}" width="${width}" height="${BAR}" rx="3" class="${kind}"/>${text((BARS + Number(width) + 9).toFixed(1), top + 12, `value ${kind}`, `${amount(of)} ${unit}`)}`;
  };
  const kind = ratio < 0.98 ? "less" : ratio > 1.02 ? "more" : "even";
  return [text(EDGE, y + 24, "label", words), text(EDGE, y + 43, "words", more), bar(ours, "ours", y + 11), bar(theirs, "theirs", y + 30),
    text(WIDTH - EDGE, y + 33, `ratio ${kind}`, `${ratio.toFixed(2)} ×`, true)];
}

function page(height, colours, groups, parts, peer) {
  const said = groups.flatMap((group) => group.figures.map((it) => `${it.words.join(", ")}: ${amount(it.ours)} beside ${amount(it.theirs)} ${group.unit}`)).join("; ");
  const legend = [[`<rect x="${EDGE}" y="75" width="12" height="12" rx="3" class="ours"/>`, text(EDGE + 20, 86, "legend", "weiquan")],
    [`<rect x="${EDGE + 96}" y="75" width="12" height="12" rx="3" class="theirs"/>`, text(EDGE + 116, 86, "legend", `${peer}, whose WebSockets are uWebSockets`)]];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title said">
<title id="title">weiquan beside ${escaped(peer)}</title>
<desc id="said">${escaped(said)}</desc>
<style>
text { font-family: system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif; font-size: 14px; fill: ${colours.ink2}; font-variant-numeric: tabular-nums; }
.title { font-size: 21px; font-weight: 650; fill: ${colours.ink}; }
.group { font-weight: 600; fill: ${colours.ink}; }
.words, .note { font-size: 13px; fill: ${colours.ink3}; }
.label { font-size: 15px; fill: ${colours.ink}; }
.value { font-size: 13px; }
.value.ours { fill: ${colours.ink}; font-weight: 600; }
.value.theirs { fill: ${colours.ink3}; }
.ratio { font-size: 17px; font-weight: 600; }
.less { fill: ${colours.less}; }
.more { fill: ${colours.more}; }
.even { fill: ${colours.ink2}; }
rect.ours { fill: ${colours.ours}; }
rect.theirs { fill: ${colours.theirs}; }
line { stroke: ${colours.line}; }
</style>
<rect x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="10" fill="${colours.paper}" stroke="${colours.line}"/>
${text(EDGE, 46, "title", `What a crowd costs, beside ${peer.split(" ")[0]}`)}
${text(WIDTH - EDGE, 46, "words", "shorter is better", true)}
${legend.flat().join("\n")}
${text(WIDTH - EDGE, 86, "words", "ours / theirs", true)}
${parts.join("\n")}
</svg>
`;
}

/** Where the numbers and the pictures are, below the root. */
export const NUMBERS = "docs/measured.json";
export const PICTURES = { light: "docs/measured.svg", dark: "docs/measured-dark.svg" };

function main() {
  const report = "target/bench/report.json";
  const read = (file) => (existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : []);
  const figures = kept(read(NUMBERS), read(report));
  if (figures.length === 0) throw new Error(`neither ${NUMBERS} nor ${report} has a figure to draw: make bench`);
  writeFileSync(NUMBERS, JSON.stringify(figures, null, 2) + "\n");
  for (const [theme, file] of Object.entries(PICTURES)) writeFileSync(file, draw(figures, theme));
  console.log(`${figures.length} of ${NAMES.length} figures: ${Object.values(PICTURES).join(", ")}`);
}

if (process.argv[1] === path.join(import.meta.dirname, "chart.mjs")) main();
