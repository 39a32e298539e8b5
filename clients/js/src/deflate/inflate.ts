/** Makes texts of deflated messages. Loaded only where somebody asked for them, with all it needs. */
import { inflateSync } from "fflate";
import { INFLATED_BYTES_MAX } from "../limits.js";
import { DICTIONARY_1 } from "./dictionary.js";

const dictionary = new TextEncoder().encode(DICTIONARY_1);
const utf8 = new TextDecoder("utf-8", { fatal: true });
/** Room for the longest text there may be, and a byte: a message that fills it is none of the server's. */
const out = new Uint8Array(INFLATED_BYTES_MAX + 1);

/** The text of a message; `null` where it is nothing that a server says. */
export function inflate(message: Uint8Array): string | null {
  try {
    const text = inflateSync(message, { dictionary, out });
    return text.length > INFLATED_BYTES_MAX ? null : utf8.decode(text);
  } catch {
    return null;
  }
}
