// A socket for Node 20, whose own WebSocket is not there yet: npm install ws
import WebSocket from "ws";

/** The client's `SocketFactory`: messages in, text out, and one `closed` at the end. */
export function openSocket(url, protocol, events) {
  const socket = new WebSocket(url, protocol);
  socket.on("open", () => events.open());
  socket.on("message", (data, binary) => (binary ? events.binary(data) : events.text(data.toString())));
  socket.on("close", (code) => events.closed(code));
  // `close` follows, and the client comes back by itself.
  socket.on("error", () => {});
  return { send: (text) => socket.send(text), close: (code) => socket.close(code) };
}
