// The peer: Bun relays every text of a publisher to all subscribers of the room, verbatim.
// A viewer opens /r/<room>; a publisher, which hears nothing, opens /p/<room>. With a certificate and a key it speaks TLS.
const [port, certificate, key] = process.argv.slice(2);
const server = Bun.serve({
  port: Number(port ?? 0),
  ...(certificate && { tls: { cert: Bun.file(certificate), key: Bun.file(key) } }),
  hostname: "127.0.0.1",
  fetch(request, server) {
    const [, kind, room] = new URL(request.url).pathname.split("/");
    if (server.upgrade(request, { data: { kind, room } })) return undefined;
    return new Response("a WebSocket, please", { status: 426 });
  },
  websocket: {
    perMessageDeflate: false,
    open(socket) {
      if (socket.data.kind === "r") socket.subscribe(socket.data.room);
    },
    message(socket, text) {
      server.publish(socket.data.room, text);
    },
  },
});
console.log(`listening ${server.port}`);
