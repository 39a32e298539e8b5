/** English: what the pages of the audit log are called wherever they are led to. */
export const names = { title: "Audit log", ownTitle: "What was done to you" };
