/** English: what one missed, digests, and handing the circle over. */
export const own = {
  missed: {
    title: "What you missed",
    answered: (n: number) => (n === 1 ? "1 question answered" : `${n} questions answered`),
    mentions: (n: number) => (n === 1 ? "1 mention of you" : `${n} mentions of you`),
    recap: "Read the recap",
    summary: "See the summary",
    away: "Put it away",
  },
  digest: {
    title: "Digest",
    say: "What you did not see, as one letter: broadcasts that you missed, topics that you follow, mentions.",
    options: { never: "Never", daily: "Daily", weekly: "On Mondays" },
    stopTitle: "No more digests?",
    stopSay: "Other letters and pushes stay as they are.",
    stop: "No more digests",
    stopped: "No more digests come",
  },
  owner: {
    title: "Hand the circle over",
    say: "Another member becomes its owner at once. You stay, as a moderator.",
    act: "Hand it over",
    who: "To whom",
    find: "Search by name",
    nobody: "Nobody of that name.",
    password: "Your password",
    wrong: "That is not your password.",
    warn: (name: string) => `${name} can do everything then, and only ${name} can give it back. Both of you are told, also by letter.`,
    doneTitle: "It is handed over",
    done: (name: string) => `${name} owns the circle now. You are a moderator.`,
    close: "Go on",
    kinds: {
      owner: (who: string) => `${who} handed the circle over to you: you are its owner now`,
      handed: (who: string) => `You handed the circle over: ${who} is its owner now`,
    },
  },
};
