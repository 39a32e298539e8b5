/** What messages of a room say now: for who is about to make a topic of them. */
import { PAGE_RECORDS_MAX } from "./limits.js";
import type { Page, RecordFrame, TopicQuote } from "./protocol/index.js";
import { asking } from "./query.js";
import type { Caller } from "./rest.js";

/** In order, each once, read in as few pages of the history as there are. */
export async function quotes(by: Caller, slug: string, seqs: readonly number[]): Promise<TopicQuote[]> {
  const wanted = [...new Set(seqs)].sort((a, b) => a - b);
  const last = wanted.at(-1) ?? 0;
  const found = new Map<number, RecordFrame>();
  let upto = 0;
  for (const seq of wanted) {
    if (seq <= upto) continue;
    const n = Math.min(last - seq + 1, PAGE_RECORDS_MAX);
    const path = asking(`rooms/${encodeURIComponent(slug)}/history`, { after: seq - 1, n });
    const { page } = await by.rest<Page>({ method: "GET", path });
    for (const record of page) found.set(record.s, record);
    upto = page.at(-1)?.s ?? last;
  }
  return wanted.map((seq) => quoteOf(seq, found.get(seq)));
}

/** What is no message, or none any more, is shown as one that was deleted. */
function quoteOf(seq: number, record: RecordFrame | undefined): TopicQuote {
  const author = { id: record?.u.id ?? "", name: record?.u.name ?? "" };
  if (record?.k !== "msg" || record.b.deleted) return { seq, author, text: "", deleted: true };
  const { text, doc, card } = record.b;
  return { seq, at_ms: record.t, author, text, ...(doc ? { doc } : {}), ...(card ? { card } : {}) };
}
