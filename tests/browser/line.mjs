// A line between a browser and the server that can be cut: TCP and UDP through a relay of our own, both ways.
// Cut means what a dead network means: nothing passes, nobody is told. TCP bytes wait (as they would be sent
// again), datagrams are lost, and whoever dials gets no answer.
import { createServer, connect } from "node:net";
import { createSocket } from "node:dgram";

/** In a page, before it loads: the media port of our answers is the relay's, as behind a NAT. */
export function throughRelay(from, to) {
  const original = RTCPeerConnection.prototype.setRemoteDescription;
  RTCPeerConnection.prototype.setRemoteDescription = function (description) {
    const sdp = description.sdp.replaceAll(` ${from} typ host`, ` ${to} typ host`);
    return original.call(this, { type: description.type, sdp });
  };
}

export class Line {
  /** `host`: where both ends are; datagrams go to the address that the server's answers name, which may not be loopback. */
  static async open(tcpTarget, udpTarget, host = "127.0.0.1") {
    const line = new Line();
    line.isCut = false;
    line.pairs = new Set();
    line.waiting = [];
    line.host = host;
    line.server = createServer({ pauseOnConnect: true }, (near) => line.accept(near, tcpTarget));
    await new Promise((done) => line.server.listen(0, "127.0.0.1", done));
    line.tcp = line.server.address().port;
    line.udpSocket = createSocket("udp4");
    line.far = new Map();
    line.udpSocket.on("message", (data, from) => line.datagram(data, from, udpTarget));
    await new Promise((done) => line.udpSocket.bind(0, host, done));
    line.udp = line.udpSocket.address().port;
    return line;
  }

  accept(near, target) {
    if (this.isCut) {
      this.waiting.push([near, target]);
      return;
    }
    const far = connect(target, "127.0.0.1");
    const pair = [near, far];
    this.pairs.add(pair);
    for (const [one, other] of [pair, [far, near]]) {
      one.on("data", (data) => other.write(data));
      one.on("error", () => other.destroy());
      one.on("close", () => {
        other.destroy();
        this.pairs.delete(pair);
      });
    }
    near.resume();
  }

  datagram(data, from, target) {
    if (this.isCut || this.isMute) return;
    const key = `${from.address}:${from.port}`;
    let far = this.far.get(key);
    if (!far) {
      far = createSocket("udp4");
      far.on("message", (back) => !this.isCut && !this.isMute && this.udpSocket.send(back, from.port, from.address));
      this.far.set(key, far);
    }
    far.send(data, target, this.host);
  }

  cut() {
    this.isCut = true;
    for (const pair of this.pairs) pair.forEach((socket) => socket.pause());
  }

  heal() {
    this.isCut = false;
    for (const pair of this.pairs) pair.forEach((socket) => socket.resume());
    this.waiting.splice(0).forEach(([near, target]) => this.accept(near, target));
  }

  /** Datagrams alone are lost, or no longer; afterwards they come from another address, as from another network. */
  mute(isMute) {
    this.isMute = isMute;
    if (isMute) return;
    this.far.forEach((socket) => socket.close());
    this.far.clear();
  }

  /** Every TCP connection breaks now; the next one is taken at once. */
  drop() {
    for (const pair of this.pairs) pair.forEach((socket) => socket.destroy());
  }

  close() {
    this.server.close();
    for (const pair of this.pairs) pair.forEach((socket) => socket.destroy());
    this.far.forEach((socket) => socket.close());
    this.udpSocket.close();
  }
}
