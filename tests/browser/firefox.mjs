// Firefox, as Debian has it (ESR), driven by WebDriver BiDi, with a camera and a microphone that are made up.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
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

const PROGRAM = process.env.FIREFOX ?? "/usr/bin/firefox-esr";

/**
 * `name`: one that this machine does not know, of a server with a certificate that Firefox does not know either. It is on loopback,
 * or `at` another address. With `authority` (a file) what that one signed is known to it, and all else is refused.
 */
export async function firefox(world, { name, at, authority } = {}) {
  const profile = mkdtempSync(path.join(tmpdir(), "weiquan-firefox-"));
  if (authority) trust(profile, authority);
  const browser = await puppeteer.launch({
    browser: "firefox", executablePath: at ? knowing(profile, name, at) : PROGRAM, headless: true,
    userDataDir: profile, acceptInsecureCerts: name !== undefined && !authority,
    extraPrefsFirefox: { ...PREFERENCES, ...(name && !at && { "network.dns.localDomains": name }) },
  });
  world.browsers.push({ browser, profile });
  return browser;
}

/** By Debian's libnss3-tools. */
function trust(profile, authority) {
  const nss = (...args) => execFileSync("certutil", ["-d", `sql:${profile}`, ...args]);
  nss("-N", "--empty-password");
  nss("-A", "-n", "authority", "-t", "C,,", "-i", authority);
}

/** A Firefox that sees a hosts file of its own, which it is given in a mount namespace. */
function knowing(profile, name, at) {
  const [program, hosts] = [path.join(profile, "firefox.sh"), path.join(profile, "hosts")];
  writeFileSync(hosts, `${readFileSync("/etc/hosts", "utf8")}\n${at} ${name}\n`);
  const mounted = `mount --bind "$0" /etc/hosts; exec "$@"`;
  writeFileSync(program, `#!/usr/bin/env bash\nexec unshare --mount bash -euc '${mounted}' ${hosts} ${PROGRAM} "$@"\n`, { mode: 0o755 });
  return program;
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
