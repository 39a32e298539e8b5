// The peer: Bun relays every text of a publisher to all subscribers of the room, verbatim.
// A viewer opens /r/<room>; a publisher, which hears nothing, opens /p/<room>.
const server = Bun.serve({
  port: Number(process.argv[2] ?? 0),
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
