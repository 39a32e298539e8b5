/** English: how a picture fits the line. */
export const fit = {
  soundAlone: "Your connection carries only the sound for now. The picture comes back by itself.",
};
