/** Text as topics have it: quotes in it, and how one is put there. Pure. */
export interface Block {
  quote: boolean;
  text: string;
}

/** Paragraphs and quotes (lines that begin with `>`), in their order; an empty line ends a paragraph. */
export function blocks(text: string): Block[] {
  const found: Block[] = [];
  let open = false;
  for (const line of text.split("\n")) {
    const quoted = /^> ?(.*)$/.exec(line);
    const block = { quote: quoted !== null, text: quoted?.[1] ?? line };
    const last = found.at(-1);
    if (!block.quote && block.text.trim() === "") open = false;
    else if (open && last && last.quote === block.quote) last.text += `\n${block.text}`;
    else {
      found.push(block);
      open = true;
    }
  }
  return found;
}

/** Words that Markdown takes as they are (CommonMark 2.4). */
export const escaped = (words: string): string => words.replace(/[!-/:-@[-`{-~]/g, "\\$&");

/** The draft with somebody's words quoted at its end, and room to answer them. */
export function withQuote(draft: string, words: string): string {
  const quoted = words.trim().split(/\n+/).map((line) => `> ${line.trim()}`).join("\n");
  const before = draft.trimEnd();
  return `${before === "" ? "" : `${before}\n\n`}${quoted}\n\n`;
}
