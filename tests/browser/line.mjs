// A line between a browser and the server that can be cut: TCP and UDP through relays of the load test (`impair`), both ways.
// Cut means what a dead network means: nothing passes, nobody is told. TCP bytes wait (as they would be sent
// again), datagrams are lost, and whoever dials gets no answer.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { generator } from "./crowd.mjs";

/** In a page, before it loads: the media port of our answers is the relay's, as behind a NAT. */
export function throughRelay(from, to) {
  const original = RTCPeerConnection.prototype.setRemoteDescription;
  RTCPeerConnection.prototype.setRemoteDescription = function (description) {
    const sdp = description.sdp.replaceAll(` ${from} typ host`, ` ${to} typ host`);
    return original.call(this, { type: description.type, sdp });
  };
}

/** One relay, which is told by JSON lines and answers each. It ends with its input. */
class Relay {
  static async open(...flags) {
    const relay = new Relay();
    relay.child = spawn(generator, ["impair", "--control", ...flags], { stdio: ["pipe", "pipe", "inherit"] });
    relay.answers = createInterface({ input: relay.child.stdout })[Symbol.asyncIterator]();
    const { listening } = await relay.#hear();
    relay.port = Number(listening.split(":").at(-1));
    return relay;
  }

  async #hear() {
    const { value, done } = await this.answers.next();
    if (done) throw new Error(`impair ended with ${this.child.exitCode}`);
    const answer = JSON.parse(value);
    if (answer.error) throw new Error(`impair: ${answer.error}`);
    return answer;
  }

  /** It is in force once this resolves. */
  tell(order) {
    this.child.stdin.write(`${JSON.stringify(order)}\n`);
    return this.#hear();
  }

  close() {
    this.child.stdin.end();
  }
}

export class Line {
  /** `host`: where both ends are; datagrams go to the address that the server's answers name, which may not be loopback. */
  static async open(tcpTarget, udpTarget, host = "127.0.0.1") {
    const line = new Line();
    [line.connections, line.datagrams] = await Promise.all([
      Relay.open("--tcp", "--to", `127.0.0.1:${tcpTarget}`),
      Relay.open("--udp", "--listen", `${host}:0`, "--to", `${host}:${udpTarget}`),
    ]);
    line.tcp = line.connections.port;
    line.udp = line.datagrams.port;
    return line;
  }

  #both(order) {
    return Promise.all([this.connections.tell(order), this.datagrams.tell(order)]);
  }

  cut() {
    return this.#both({ do: "cut" });
  }

  heal() {
    return this.#both({ do: "heal" });
  }

  /** Datagrams alone are lost, or no longer; afterwards they come from another address, as from another network. */
  async mute(isMute) {
    if (!isMute) await this.datagrams.tell({ do: "rebind" });
    await this.datagrams.tell({ do: isMute ? "cut" : "heal" });
  }

  /** Every TCP connection breaks now; the next one is taken at once. */
  drop() {
    return this.connections.tell({ do: "hang_up" });
  }

  /** Other conditions from now on, as the flags of `impair` name them: `{ both: { loss: "5%" }, down: { rate: "1mbit" } }`. */
  set(conditions) {
    return this.#both({ do: "set", ...conditions });
  }

  close() {
    this.connections.close();
    this.datagrams.close();
  }
}
