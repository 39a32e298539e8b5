#!/usr/bin/env python3
"""A whole client of weiquan, written from docs/PROTOCOL.md alone (needs PyPI `websockets`).

    client.py http://127.0.0.1:8080 lobby 小明

It enters as a guest, prints what is said, says the lines of its input, survives cuts without a hole or a double,
and ends when the input has ended and all of it is acknowledged. The numbers name the protocol's rules.
"""
import asyncio, json, random, secrets, sys, threading, time, urllib.request, uuid

import websockets


def guest_token(base, name, device):  # H6
    body = json.dumps({"device": device, "name": name}).encode()
    headers = {"content-type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"{base}/api/v1/guests", body, headers)) as answer:
        return json.load(answer)["token"]


def client_id():  # P2: a UUIDv7 is its time in ms, then chance
    bits = (int(time.time() * 1000) << 80 | random.SystemRandom().getrandbits(80)) & ~(0xF << 76) & ~(3 << 62)
    return str(uuid.UUID(int=bits | 7 << 76 | 2 << 62))


class Client:
    def __init__(self, base, room, name):
        self.base, self.room, self.name = base, room, name
        self.device, self.page_id = secrets.token_hex(16), secrets.token_hex(8)
        self.position, self.a, self.i = None, None, 0
        self.outbox, self.flying, self.input_ended = [], {}, False
        self.socket, self.done = None, asyncio.Event()

    async def ask(self, op, **fields):  # F2
        self.i += 1
        await self.socket.send(json.dumps({"op": op, "i": self.i, **fields}))
        return self.i

    async def say_waiting(self):  # P2: the same cid, however often
        for cid, text in self.outbox if self.a is not None else []:
            if cid not in self.flying.values():
                self.flying[self.i + 1] = cid
                await self.ask("pub", a=self.a, cid=cid, text=text)
        if self.input_ended and not self.outbox and self.a is not None:
            self.done.set()

    def show(self, records):
        for record in records:
            fresh = record["s"] > self.position["s"]  # J6: each once
            if fresh and record["k"] == "msg" and not record["b"].get("deleted"):  # R5: what is unknown shows nothing
                print(f"{record['u']['name']}: {record['b']['text']}", flush=True)
            self.position["s"] = max(self.position["s"], record["s"])

    async def answered(self, frame):
        if frame["i"] == self.join:
            if "err" in frame:
                raise SystemExit(frame["err"]["say"])
            ok = frame["ok"]
            if self.position is None or ok["e"] != self.position["e"] or ok["resumed"] == "fresh":  # J2, J5
                self.position = {"e": ok["e"], "s": 0}
            self.a = ok["a"]
            self.show(ok["ev"])
            if not ok["more"]:  # J3: otherwise the rest follows
                self.position["s"] = ok["s"]
            return await self.say_waiting()
        cid = self.flying.pop(frame["i"], None)
        if "err" in frame and frame["err"]["act"] == "retry":
            return self.again(frame["err"].get("ms", 1000))
        if "err" in frame:
            print(frame["err"]["say"], file=sys.stderr)
        if cid:  # P1: it is on disk, or it is refused for good
            self.outbox = [it for it in self.outbox if it[0] != cid]
            await self.say_waiting()

    async def heard(self, frame):
        if "i" in frame:
            return await self.answered(frame)
        op = frame["op"]
        if op == "ping":  # C1
            await self.socket.send('{"op":"pong"}')
        elif op == "ev" and frame["a"] == self.a:  # R2
            self.show(frame["ev"])
            self.position["s"] = max(self.position["s"], frame["s"][1])
        elif op == "gap" and frame["a"] == self.a:  # C5
            print(f"({frame['to'] - frame['from'] + 1} records were missed)", file=sys.stderr)
            self.position["s"] = max(self.position["s"], frame["to"])
        elif op == "out" and frame["a"] == self.a:
            raise SystemExit(frame["why"]["say"])

    def read_input(self, loop):  # in a thread of its own: it waits for a person
        for line in sys.stdin:
            loop.call_soon_threadsafe(self.wish, line.strip())
        loop.call_soon_threadsafe(self.wish, None)

    def wish(self, line):
        self.input_ended = line is None
        if line:
            self.outbox.append((client_id(), line))
        self.again(0)

    def again(self, ms):
        loop = asyncio.get_running_loop()
        loop.call_later(ms / 1000, lambda: loop.create_task(self.say_waiting()))

    async def live(self):
        token = await asyncio.to_thread(guest_token, self.base, self.name, self.device)
        url = self.base.replace("http", "ws", 1) + "/ws"
        async with websockets.connect(url, subprotocols=["weiquan.v1.json"]) as self.socket:
            await self.ask("hello", token=token, device=self.page_id)  # H1, H3
            since = {"since": self.position} if self.position else {}
            self.join = await self.ask("join", room=self.room, **since)  # J1
            async for text in self.socket:
                frames = json.loads(text)
                for frame in frames if isinstance(frames, list) else [frames]:  # F1
                    await self.heard(frame)


async def follow(client):
    threading.Thread(target=client.read_input, args=[asyncio.get_running_loop()], daemon=True).start()
    failures = 0
    while True:
        try:
            await client.live()
        except (OSError, websockets.WebSocketException) as error:
            print(error, file=sys.stderr)
        closed = client.socket.close_code if client.socket else None
        if closed and 4501 <= closed <= 4999:  # C3
            raise SystemExit(f"closed with {closed}")
        failures = 0 if client.a is not None else failures + 1
        client.a, client.flying = None, {}
        await asyncio.sleep(random.uniform(0, min(15, 0.5 * 2**failures)))  # C6


async def main(base, room, name):
    client = Client(base.rstrip("/"), room, name)
    following, done = asyncio.create_task(follow(client)), asyncio.create_task(client.done.wait())
    await asyncio.wait([following, done], return_when=asyncio.FIRST_COMPLETED)
    if following.done():
        following.result()


asyncio.run(main(*sys.argv[1:4]))
