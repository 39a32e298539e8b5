// Sound with redundancy: a browser sends each packet once more with the next one, and a viewer on a line that loses packets
// hears them all the same.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Line, throughRelay } from "./line.mjs";
import { World, until } from "./world.mjs";

let world, line, slug, key;

before(async () => {
  world = await World.start();
  slug = await world.setUp();
  key = await world.streamKey(slug);
  line = await Line.open(world.ports[0], world.ports[3]);
});
after(async () => {
  line?.close();
  await world?.end();
});

/** In the page: sends its microphone by WHIP, or hears a room by WHEP; with a codec less than it knows, where one is named. */
async function connect(url, key, without) {
  const pc = new RTCPeerConnection();
  const direction = key ? "sendonly" : "recvonly";
  const microphone = key && (await navigator.mediaDevices.getUserMedia({ audio: true })).getAudioTracks()[0];
  const transceiver = pc.addTransceiver(microphone ?? "audio", { direction });
  const { codecs } = (key ? RTCRtpSender : RTCRtpReceiver).getCapabilities("audio");
  if (without) transceiver.setCodecPreferences(codecs.filter((it) => it.mimeType !== without));
  pc.ontrack = ({ track }) => {
    const audio = Object.assign(document.createElement("audio"), { autoplay: true, srcObject: new MediaStream([track]) });
    document.body.append(audio);
  };
  await pc.setLocalDescription();
  const headers = { "content-type": "application/sdp", ...(key ? { authorization: `Bearer ${key}` } : {}) };
  const said = await fetch(url, { method: "POST", headers, body: pc.localDescription.sdp });
  if (said.status !== 201) throw new Error(`${said.status} ${await said.text()}`);
  const sdp = await said.text();
  await pc.setRemoteDescription({ type: "answer", sdp });
  window.connection = pc;
  return sdp.match(/^m=audio .*$/m)[0];
}

/** In the page: what its sound says of itself. */
async function sound() {
  const all = [...(await window.connection.getStats()).values()];
  return all.find((it) => ["inbound-rtp", "outbound-rtp"].includes(it.type) && it.kind === "audio") ?? {};
}

async function opened(browser, relayed) {
  const page = await world.page(browser);
  if (relayed) await page.evaluateOnNewDocument(throughRelay, world.ports[3], line.udp);
  await page.goto(`${world.base}/api/v1/check`);
  return page;
}

test("B17: who takes redundancy hears what the line loses", { timeout: 120_000 }, async () => {
  const host = await opened(await world.browser({ camera: true }));
  const formats = await host.evaluate(connect, "/whip", key);
  const whep = `/api/v1/rooms/${slug}/whep`;
  await until("sound that is sent", async () => (await host.evaluate(sound)).packetsSent > 20);
  const viewers = await world.browser();
  const [takes, plain] = [await opened(viewers, true), await opened(viewers, true)];
  const answers = [await takes.evaluate(connect, whep), await plain.evaluate(connect, whep, undefined, "audio/red")];
  for (const page of [takes, plain]) await until("sound that is heard", async () => (await page.evaluate(sound)).totalSamplesReceived > 48_000);
  await line.set({ down: { loss: "10%" } });
  const first = [await takes.evaluate(sound), await plain.evaluate(sound)];
  await until("half a minute of it", async () => (await takes.evaluate(sound)).totalSamplesReceived > first[0].totalSamplesReceived + 30 * 48_000, 60_000);
  const last = [await takes.evaluate(sound), await plain.evaluate(sound)];
  const shares = last.map((it, at) => (it.concealedSamples - first[at].concealedSamples) / (it.totalSamplesReceived - first[at].totalSamplesReceived));
  const bytes = last.map((it) => it.bytesReceived / it.packetsReceived);
  console.log("of a line that loses 10 %, made up:", ...shares.map((it) => `${(100 * it).toFixed(2)} %`), "bytes of a packet:", ...bytes.map(Math.round));
  assert.match(formats, / 63 111$/);
  assert.deepEqual(answers.map((it) => it.split(" ").slice(3).join(" ")), ["63 111", "111"]);
  // Chromium calls both Opus. What came twice and was not needed it counts as discarded, and what it heard of it in no way but
  // by what it had to make up.
  assert.ok(last[0].packetsDiscarded > last[0].packetsReceived / 2, JSON.stringify(last[0]));
  assert.ok(bytes[0] > 1.7 * bytes[1], `${bytes}`);
  assert.ok(shares[1] > 0.05, `${shares}`);
  assert.ok(shares[0] < shares[1] / 2, `${shares}`);
});
