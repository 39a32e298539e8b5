// Firefox, as Debian has it (ESR), driven by WebDriver BiDi, with a camera and a microphone that are made up.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import puppeteer from "puppeteer-core";

const PREFERENCES = {
  "media.navigator.streams.fake": true,
  "media.navigator.permission.disabled": true,
  "media.autoplay.default": 0,
  // Everything is on this machine, and nothing else is asked for.
  "media.peerconnection.ice.obfuscate_host_addresses": false,
  "media.gmp-manager.updateEnabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
};

/** `name`: one that this machine does not know, of a server with a certificate that Firefox does not know either. */
export async function firefox(world, name) {
  const profile = mkdtempSync(path.join(tmpdir(), "weiquan-firefox-"));
  const browser = await puppeteer.launch({
    browser: "firefox", executablePath: process.env.FIREFOX ?? "/usr/bin/firefox-esr", headless: true,
    userDataDir: profile, acceptInsecureCerts: name !== undefined,
    extraPrefsFirefox: { ...PREFERENCES, ...(name && { "network.dns.localDomains": name }) },
  });
  world.browsers.push({ browser, profile });
  return browser;
}

/** Runs in a page: publishes `window.source` or else the camera by WHIP in one codec; the peer connection is the page's last. */
export async function publish(key, mime) {
  const stream = window.source ?? await navigator.mediaDevices.getUserMedia({ video: { width: 320, height: 240 }, audio: true });
  const peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  for (const track of stream.getTracks()) {
    const transceiver = peer.addTransceiver(track, { direction: "sendonly", streams: [stream] });
    if (track.kind !== "video") continue;
    const all = RTCRtpSender.getCapabilities("video").codecs;
    transceiver.setCodecPreferences(all.filter((it) => it.mimeType === mime));
  }
  await peer.setLocalDescription(await peer.createOffer());
  const answer = await fetch("/whip", {
    method: "POST", headers: { authorization: `Bearer ${key}`, "content-type": "application/sdp" },
    body: peer.localDescription.sdp,
  });
  if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
  const connected = new Promise((done, fail) => (peer.onconnectionstatechange = () => {
    if (peer.connectionState === "connected") done();
    if (peer.connectionState === "failed") fail(new Error("the peer connection failed"));
  }));
  await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
  await connected;
}
