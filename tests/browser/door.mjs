// A plain port on loopback before a server that speaks HTTPS: each connection goes on over TLS, to a certificate that is
// checked for its name. The load generator trusts one certificate and no chain, and knows no names.
// node door.mjs NAME PORT AUTHORITY.pem  prints its own port, and runs until it is killed.
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { connect } from "node:tls";

const [name, port, authority] = process.argv.slice(2);
const ca = readFileSync(authority);
const door = createServer({ noDelay: true }, (near) => {
  const far = connect({ host: "127.0.0.1", port: Number(port), servername: name, ca });
  far.setNoDelay(true);
  near.pipe(far).pipe(near);
  for (const [one, other] of [[near, far], [far, near]]) {
    one.on("error", () => other.destroy());
    one.on("close", () => other.destroy());
  }
});
door.listen({ host: "127.0.0.1", port: 0, backlog: 4096 }, () => console.log(`door ${door.address().port} open`));
