/**
 * Serves a built folder the way the server does: hashed assets, every other address is the page, and the
 * same content security policy, so that a check fails where the policy would.
 */
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

const KINDS = {
  ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml",
  ".png": "image/png", ".webmanifest": "application/manifest+json",
};

// As src/http/guard.rs says it, and stricter where we can be: nothing of ours may need more.
export const POLICY = [
  "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' blob:", "media-src 'self' blob:",
  "connect-src 'self'", "manifest-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
].join("; ");

export async function serve(folder) {
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? "/", "http://x").pathname);
    // A room's code is the server's; here stands one that it made.
    const file = /^\/r\/[^/]+\/qr\.svg$/.test(path) ? join(import.meta.dirname, "qr.svg") : join(folder, path);
    const found = (file.startsWith(folder) || file.startsWith(import.meta.dirname)) && existsSync(file) && statSync(file).isFile();
    const sent = found ? file : join(folder, "index.html");
    response.writeHead(200, { "content-type": KINDS[extname(sent)] ?? "application/octet-stream", "content-security-policy": POLICY });
    createReadStream(sent).pipe(response);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { address: `http://127.0.0.1:${server.address().port}`, close: () => server.close(),
    /** Gone from one moment to the next, as a server that lost its network. */
    cut: () => (server.close(), server.closeAllConnections()) };
}
