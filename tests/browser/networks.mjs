// Who watches what over which line: browsers publish in each codec, Chromium and Firefox watch over good and bad lines, and what
// getStats of the viewer says is printed as a table. By hand and in a network of its own:
//   ./alone.sh node networks.mjs [a publisher …]
// It needs certutil (Debian's libnss3-tools), by which Firefox knows the relay's authority.
import { firefox } from "./firefox.mjs";
import { publish as publishLayers } from "./layered.mjs";
import { Line } from "./line.mjs";
import { V4, V6, withV6, without } from "./network.mjs";
import { RELAY_NAME, Relay } from "./relay.mjs";
import { World } from "./world.mjs";

/** A keyframe and what the bandwidth is judged by come first; then so long is counted. */
const [SETTLE_MS, COUNT_MS] = [Number(process.env.SETTLE_MS ?? 4_000), Number(process.env.COUNT_MS ?? 10_000)];

/** The relay has a certificate of its own. */
class Networks extends World {
  flags() {
    return ["--ignore-certificate-errors"];
  }
}

/** In a page: publishes a moving picture and its microphone by WHIP in one codec and one size. */
async function publishOne(whip, key, codec) {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 360 }, audio: true });
  const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  for (const track of stream.getTracks()) {
    const transceiver = pc.addTransceiver(track, { direction: "sendonly", streams: [stream] });
    if (track.kind !== "video") continue;
    const { codecs } = RTCRtpSender.getCapabilities("video");
    transceiver.setCodecPreferences(codecs.filter((it) => [`video/${codec}`, "video/rtx"].includes(it.mimeType)));
  }
  await pc.setLocalDescription();
  const headers = { "content-type": "application/sdp", authorization: `Bearer ${key}` };
  const said = await fetch(whip, { method: "POST", headers, body: pc.localDescription.sdp });
  if (said.status !== 201) throw new Error(`${said.status} ${await said.text()}`);
  await pc.setRemoteDescription({ type: "answer", sdp: await said.text() });
  window.publishing = pc;
}

/** In a page: watches by WHEP over the line that is meant, and tells what getStats says of it. */
async function watch({ whep, policy, family, from, to, settle, count }) {
  const began = performance.now();
  const video = document.body.appendChild(document.createElement("video"));
  video.muted = video.autoplay = true;
  const peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  const stream = new MediaStream();
  peer.ontrack = ({ track }) => stream.addTrack(track);
  video.srcObject = stream;
  for (const kind of ["video", "audio"]) peer.addTransceiver(kind, { direction: "recvonly" });
  const offer = await peer.createOffer();
  const answer = await fetch(whep, { method: "POST", body: offer.sdp, headers: { "content-type": "application/sdp" } });
  if (answer.status !== 201) return { refused: (await answer.json()).code ?? answer.status };
  // RFC 9725 §4.6, as a player reads it.
  const links = [...(answer.headers.get("link") ?? "").matchAll(
    /<([^>]+)>; rel="ice-server"; username="([^"]+)"; credential="([^"]+)"; credential-type="password"/g)];
  const iceServers = links.map(([, urls, username, credential]) => ({ urls, username, credential }));
  if (policy === "relay") peer.setConfiguration({ bundlePolicy: "max-bundle", iceTransportPolicy: policy, iceServers });
  await peer.setLocalDescription(offer);
  const lines = (await answer.text()).split("\r\n");
  const told = lines.filter((it) => !it.startsWith("a=candidate:") || it.split(" ")[4].includes(":") === (family === 6));
  const sdp = told.join("\r\n").replaceAll(` ${from} typ host`, ` ${to} typ host`);
  await peer.setRemoteDescription({ type: "answer", sdp });
  void video.play();
  const frame = new Promise((done) => video.requestVideoFrameCallback(done));
  const late = new Promise((_, fail) => setTimeout(() => fail(new Error("no picture within 30 s")), 30_000));
  await Promise.race([frame, late]);
  const first_ms = performance.now() - began;
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  await pause(settle);
  const look = async () => {
    const all = new Map([...(await peer.getStats())]);
    const of = (type, kind) => [...all.values()].find((it) => it.type === type && (!kind || it.kind === kind)) ?? {};
    return { all, picture: of("inbound-rtp", "video"), sound: of("inbound-rtp", "audio"), transport: of("transport") };
  };
  const before = await look(), since = performance.now();
  await pause(count);
  const after = await look(), seconds = (performance.now() - since) / 1_000;
  const grew = (what, field) => (after[what][field] ?? 0) - (before[what][field] ?? 0);
  const pair = after.all.get(after.transport.selectedCandidatePairId) ?? [...after.all.values()].find((it) => it.type === "candidate-pair" && it.nominated) ?? {};
  const [near, far] = [after.all.get(pair.localCandidateId) ?? {}, after.all.get(pair.remoteCandidateId) ?? {}];
  const lost = grew("picture", "packetsLost"), received = grew("picture", "packetsReceived");
  const found = {
    first_ms: Math.round(first_ms), codec: (after.all.get(after.picture.codecId)?.mimeType ?? "").split("/")[1],
    height: after.picture.frameHeight ?? video.videoHeight, fps: grew("picture", "framesDecoded") / seconds,
    freezes: after.picture.freezeCount === undefined ? undefined : grew("picture", "freezeCount"), frozen_s: grew("picture", "totalFreezesDuration"),
    lost: lost / Math.max(1, lost + received), nacks: grew("picture", "nackCount"), again: grew("picture", "retransmittedPacketsReceived"), plis: grew("picture", "pliCount"),
    sound: after.all.get(after.sound.codecId)?.mimeType, concealed: grew("sound", "concealedSamples") / Math.max(1, grew("sound", "totalSamplesReceived")),
    rtt_ms: (pair.currentRoundTripTime ?? NaN) * 1_000, way: near.candidateType === "relay" ? `relay ${near.relayProtocol}` : far.protocol, to: far.address,
  };
  peer.close();
  video.remove();
  return found;
}

const good = { loss: "0", delay: "0ms", jitter: "0ms", reorder: "0", rate: "none" };
const LINES = [
  ["a good line", { both: good }],
  ["5 % lost, 40 ms", { both: { ...good, loss: "5%", delay: "40ms" } }],
  ["10 % lost, 40 ms", { both: { ...good, loss: "10%", delay: "40ms" } }],
  ["20 % lost, 40 ms", { both: { ...good, loss: "20%", delay: "40ms" } }],
  ["40 ms, jitter 20 ms, 2 % overtaken", { both: { ...good, delay: "40ms", jitter: "20ms", reorder: "2%" } }],
  ["150 ms, jitter 30 ms, 2 % overtaken", { both: { ...good, delay: "150ms", jitter: "30ms", reorder: "2%" } }],
  ["1 Mbit/s", { both: good, down: { rate: "1mbit", queue: "64kib" } }],
];

withV6();
const relay = await Relay.prepare();
const world = await Networks.start({ listen: "0.0.0.0", more: [`rtc.public_ips=["${V4}", "${V6}"]`, ...relay.settings] });
let line;
try {
  await world.setUp();
  line = await Line.open(world.ports[0], world.ports[3], V4);
  // Before Firefox, which is to know its authority.
  relay.start(world);
  const browsers = { Chromium: await world.browser({ camera: true }), Firefox: await firefox(world, { name: RELAY_NAME, at: V4, authority: relay.authority }) };
  const watchers = { Chromium: await world.browser(), Firefox: browsers.Firefox };
  const opened = async (browser) => {
    const page = await browser.newPage();
    await page.goto(`${world.base}/api/v1/check`);
    return page;
  };
  const publishers = [
    ["Chromium", "H264", "in three sizes"], ["Chromium", "VP8", "in three sizes"], ["Chromium", "VP9", ""], ["Chromium", "AV1", ""], ["Firefox", "VP8", ""], ["Firefox", "VP9", ""],
  ];
  const wanted = process.argv.slice(2);
  console.log(`| publisher | line | viewer | picture | pictures/s | frozen | lost, asked again | sound concealed | round trip | way |\n|---|---|---|---|---|---|---|---|---|---|`);
  for (const [who, codec, how] of publishers) {
    const name = `${who} ${codec} ${how}`.trim();
    if (wanted.length > 0 && !wanted.some((it) => name.startsWith(it))) continue;
    const slug = `${who}-${codec}`.toLowerCase();
    await world.post("/api/v1/rooms", { title: name, guests: true, slug }, world.owner);
    const key = await world.streamKey(slug);
    const page = await opened(browsers[who]);
    if (how) await page.evaluate(publishLayers, "/whip", key, codec, [120, 500, 1_800]);
    else await page.evaluate(publishOne, "/whip", key, codec);
    await new Promise((done) => setTimeout(done, 4_000));
    const asked = { whep: `/api/v1/rooms/${slug}/whep`, policy: "all", family: 4, settle: SETTLE_MS, count: COUNT_MS };
    const both = async (label, more) => {
      const seen = await Promise.all(Object.entries(watchers).map(async ([viewer, browser]) => {
        const page = await opened(browser);
        const found = await page.evaluate(watch, { ...asked, ...more }).catch((error) => ({ failed: error.message.split("\n")[0] }));
        await page.close();
        return [viewer, found];
      }));
      for (const [viewer, it] of seen) {
        if (it.refused || it.failed) {
          console.log(`| ${name} | ${label} | ${viewer} | ${it.refused ?? it.failed} | | | | | | |`);
          continue;
        }
        const share = (part) => `${(part * 100).toFixed(1)} %`;
        console.log(`| ${name} | ${label} | ${viewer} | ${it.codec} ${it.height} lines after ${it.first_ms} ms | ${it.fps.toFixed(1)} | ${it.freezes === undefined ? "–" : `${it.freezes} × (${it.frozen_s.toFixed(1)} s)`}`
          + ` | ${share(it.lost)}, ${it.nacks} | ${share(it.concealed)} | ${Number.isFinite(it.rtt_ms) ? `${it.rtt_ms.toFixed(0)} ms` : "–"} | ${it.way} ${it.to ?? ""} |`);
      }
    };
    for (const [label, conditions] of LINES) {
      await line.set(conditions);
      await both(label, { from: world.ports[3], to: line.udp });
    }
    await line.set({ both: good });
    await without([`udp dport ${world.ports[3]}`], () => both("UDP blocked"));
    await both("IPv6 alone", { family: 6 });
    const { udp, tcp, tls } = relay.doors;
    await without([tcp, tls], () => both("through coturn by UDP", { policy: "relay" }));
    await without([udp, tcp], () => both("through coturn by TLS", { policy: "relay" }));
    await page.evaluate(() => window.publishing.close());
    await page.close();
  }
} finally {
  line?.close();
  await world.end();
  relay.end();
}
process.exit(0);
