/** Where a thread has room: docked in the place of the talk, on a wide desk beside it, and on a phone in a sheet. */
import { MediaQuery } from "svelte/reactivity";

/** Less is a phone, upright or on its side: a sheet over the page leaves more to read. */
const DOCKED = "(min-width: 721px) and (min-height: 481px)";
/** From here on stage, talk and thread stand in a row, and the stage keeps more than 800 px. */
const BESIDE = "(min-width: 1560px) and (min-height: 481px) and (orientation: landscape)";

export const docked = new MediaQuery(DOCKED);
export const beside = new MediaQuery(BESIDE);
