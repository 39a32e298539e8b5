// Which figures a run is for: parts by name, and parts of a part.

/**
 * What `only` names, in its order: `fanout`, all of `crowd`, or one of its own as `crowd:stalled`; everything where it is
 * not given. `parts` has a function by name, or several by their own names.
 */
export function chosen(only, parts) {
  const all = Object.entries(parts).flatMap(([name, it]) => (typeof it === "function" ? [[name, [it]]] : [[name, Object.values(it)], ...ofPart(name, it)]));
  const named = new Map(all);
  return (only ? only.split(",") : Object.keys(parts)).flatMap((name) => {
    if (!named.has(name)) throw new Error(`ONLY=${name}: there is ${[...named.keys()].join(", ")}`);
    return named.get(name);
  });
}

const ofPart = (name, it) => Object.entries(it).map(([own, run]) => [`${name}:${own}`, [run]]);
