/** The sentences about an encoder, out of the server's codes and numbers. Pure. */
import type { PublisherHealth } from "@weiquan/client";
import type { Words } from "../i18n/en";

export function arrivalSays(
  health: PublisherHealth,
  words: Words["studio"]["arrival"],
  percent: (share: number) => string,
): string[] {
  const said = health.says.map((code): string => {
    switch (code) {
      case "loss_high":
        return words.loss_high(percent(health.loss_permille / 1000), health.advised_kbps ?? 0);
      case "keyframes_rare":
        return words.keyframes_rare(Math.round((health.keyframe_ms ?? 0) / 1000));
      default:
        // A newer server may know more than this page.
        return words[code] ?? words.unknown;
    }
  });
  return said.length > 0 ? said : [words.good];
}
