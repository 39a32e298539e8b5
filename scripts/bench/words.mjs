// Short Chinese texts as people write them, the same ones each time: what a topic's nth text says follows from both numbers.

/** From the most used character to the least: a text takes them by Zipf's law. */
const CHARS = [..."的一是了我不人在他有这个上们来到时大地为子中你说生国年着就那和要她出也得里后自以会家可下而过天去能对小多然于心学么之都好看起发当没成只如事把还用第样道想作种开美总从无情己面最女但现前些所同日手又行意动方期它头经长儿回位分爱老因很给名法间斯知世什两次使身者被高已亲其进此话常与活正感见明问力理尔点文几定本公特做外孩相西果走将月十实向声车全信重三机工物气每并别真打太新比才便夫再书部水像眼等体却加电主界门利海受听表德少克代员许先口由死安写性马光白或住难望教命花结乐色更拉东神记处让母父应直播卡顿微圈"];

/** Numbers from 0 to 1, the same for the same seed (SplitMix32). */
export function draws(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let it = state;
    it = Math.imul(it ^ (it >>> 16), 0x21f0aaad);
    it = Math.imul(it ^ (it >>> 15), 0x735a2d97);
    return ((it ^ (it >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** A character: the nth with a chance of about one in n. */
const some = (draw) => CHARS[Math.min(CHARS.length, Math.max(1, Math.floor(CHARS.length ** draw()))) - 1];

/** Words of so many characters, as often as people use them. */
export const words = (draw, length) => Array.from({ length }, () => some(draw)).join("");

/** Four to forty characters, 22 on average, with a mark now and then. */
export function textOf(topic, n) {
  const draw = draws(Math.imul(topic + 1, 0x01000193) ^ n);
  const length = 4 + Math.floor(draw() * 37);
  let text = "";
  for (let at = 0; at < length; at++) text += draw() < 1 / 12 ? "，" : some(draw);
  return text;
}
