/** Reads what the server says. Who erased their account comes with an empty name: here they get the word for that. */
import type { Environment } from "./environment.js";

/** No text of anybody holds it: there the quotes are escaped. */
const NOBODY = '"name":""';

export const heard = ({ nobody }: Environment, text: string): unknown =>
  JSON.parse(text.replaceAll(NOBODY, () => `"name":${JSON.stringify(nobody())}`));
