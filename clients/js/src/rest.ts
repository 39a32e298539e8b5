/** The REST API under `/api/v1`: one method a call, errors as `Refused` or `Unreachable`. */
import type { Environment } from "./environment.js";
import { heard } from "./named.js";
import { Refused, Unreachable, refusalOf } from "./refused.js";

/** A request's body is JSON, bytes or nothing; a token never stands in the address. */
export interface Call {
  method: "GET" | "POST" | "PUT" | "DELETE";
  path: string;
  body?: unknown;
  bytes?: Uint8Array<ArrayBuffer>;
  token?: string | null;
  /** Gives the request up: it fails with the signal's reason. */
  signal?: AbortSignal;
}

/** Asks the server as whoever one is: `Weiquan`. */
export interface Caller {
  rest<T>(request: Call): Promise<T>;
}

/** The promise of `T` is the server's: the types are generated from its own. */
export async function call<T>(
  env: Environment,
  { method, path, body, bytes, token, signal }: Call,
): Promise<T> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (bytes !== undefined) headers["content-type"] = "application/octet-stream";
  if (token) headers["authorization"] = `Bearer ${token}`;
  const init: RequestInit = { method, headers, credentials: "same-origin", cache: "no-store" };
  if (body !== undefined) init.body = JSON.stringify(body);
  if (bytes !== undefined) init.body = bytes;
  if (signal) init.signal = signal;
  let response: Response;
  let text: string;
  try {
    response = await env.fetch(`${env.base}/api/v1/${path}`, init);
    text = await response.text();
  } catch (cause) {
    signal?.throwIfAborted();
    throw new Unreachable(`${method} ${path} had no answer`, { cause });
  }
  const value = parse(env, text);
  if (!response.ok) {
    throw new Refused(refusalOf(response.status, value, response.headers.get("retry-after")));
  }
  return value as T;
}

function parse(env: Environment, text: string): unknown {
  try {
    return text === "" ? null : heard(env, text);
  } catch {
    return null;
  }
}
