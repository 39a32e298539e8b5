/** A small set by hand: what people here send, not all there is. */
export const REACTIONS = ["❤", "👏", "😂", "🎉", "🔥", "😮"] as const;

export type Group = "faces" | "hands" | "hearts" | "things";

export const GROUPS: readonly { group: Group; emoji: string }[] = [
  { group: "faces", emoji: "😀 😄 😁 😂 🤣 😊 😍 🥰 😘 😎 🤩 🥳 🙂 🙃 😉 😌 🤔 🤨 😐 😶 🙄 😏 😴 🤤 😅 😓 😭 😢 😮 😱 😳 🥺 😤 😡 🤯 🫠 🫡 🤗 🤫 🤭" },
  { group: "hands", emoji: "👍 👎 👏 🙌 🙏 💪 👋 🤝 ✌️ 🤞 👌 🤌 🫶 👀 ✍️ 💯" },
  { group: "hearts", emoji: "❤️ 🧡 💛 💚 💙 💜 🖤 🤍 💔 💕 ✨ ⭐ 🌟 💥 🔥 🎉" },
  { group: "things", emoji: "📚 📖 ✏️ 🎧 🎵 🎬 📷 ☕ 🍵 🍰 🍜 🥟 🌸 🌙 ☀️ 🌧️ 🎁 🏆 🚀 💡" },
];

const KEPT = "weiquan.emoji";
const RECENT_MAX = 16;

/** The ones used last, newest first. */
export function recent(): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEPT) ?? "[]");
    return Array.isArray(kept) ? kept.filter((it): it is string => typeof it === "string").slice(0, RECENT_MAX) : [];
  } catch {
    return [];
  }
}

export function used(emoji: string): void {
  try {
    localStorage.setItem(KEPT, JSON.stringify([emoji, ...recent().filter((it) => it !== emoji)].slice(0, RECENT_MAX)));
  } catch {
    // Storage may be forbidden or full: then nothing is recent.
  }
}
