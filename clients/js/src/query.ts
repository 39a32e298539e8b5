/** Questions in an address. Apart from the core, as only some pages ask any. */

/** A path with what is asked of it; what is not given, or is empty, is not said. */
export function asking(path: string, values: object): string {
  const said = Object.entries(values).filter(([, value]) => (value ?? "") !== "");
  const query = new URLSearchParams(said.map(([name, value]) => [name, String(value)])).toString();
  return query ? `${path}?${query}` : path;
}
