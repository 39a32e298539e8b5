/** How a request fails: the server said no (`Refused`), or nobody answered (`Unreachable`). */
import type { Act, Code, Problem, Refusal } from "./protocol/index.js";

/** The server's typed no. Show words by `code`, act by `refusal.act`. */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(`${refusal.code}: ${refusal.say}`);
    this.refusal = refusal;
  }

  get code(): Code {
    return this.refusal.code;
  }
}

/** No answer: no network, or the server is away. Worth another try. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
}

/** Reads an error answer of the REST API; one that is no problem document (a proxy's) is `internal`. */
export function refusalOf(status: number, body: unknown, retryAfter: string | null): Refusal {
  const ms = retryAfter === null ? Number.NaN : Number(retryAfter) * 1000;
  const wait = Number.isFinite(ms) ? { ms } : {};
  if (isProblem(body)) {
    const { code, act, detail, place } = body;
    const held = place === undefined ? {} : { place };
    return { code, act, say: detail, ...(body.ms === undefined ? wait : { ms: body.ms }), ...held };
  }
  const act: Act = status >= 500 || status === 429 ? "retry" : "none";
  return { code: "internal", act, say: `the server answered ${status}`, ...wait };
}

function isProblem(body: unknown): body is Problem {
  return typeof body === "object" && body !== null && "code" in body && "act" in body;
}
