/** English: moments of a broadcast, and pictures within a text. */
export const moment = {
  here: "This moment",
  start: "A topic about this moment",
  startHere: "Start a topic about a moment",
  moments: "Moments",
  count: (n: string) => `${n} topics about moments of it`,
  when: "When in the broadcast",
  earlier: (s: number) => `${s} seconds earlier`,
  later: (s: number) => `${s} seconds later`,
  titleAt: (at: string, broadcast: string) => `${at} · ${broadcast}`,
  textHint: "What was said, and what do you think of it?",
  membersOnly: "Only members read it, as only members watch here.",
  started: "Started. Whoever looks at the broadcast afterwards finds it at its time.",
  stay: "Go on watching",
  read: "To the topic",
  at: (at: string, broadcast: string) => `At ${at} of ${broadcast}`,
  inText: "Moment: ",
};

export const media = {
  add: "Add a picture or voice note",
  picture: "Picture",
  voice: "Voice note",
  tooMany: (most: number) => `A text shows up to ${most}.`,
  notHere: "A text shows pictures and voice notes.",
  voiceAlt: (length: string) => `Voice note, ${length}`,
  voiceOf: "Voice note",
  list: "In this text",
  remove: (name: string) => `Take ${name} out`,
};
