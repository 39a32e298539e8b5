/** A moving picture without a camera: hills under a slow sun, drawn. */
export function picture(width = 1280, height = 720): MediaStream {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const pen = canvas.getContext("2d");
  const draw = (): void => {
    if (!pen) return;
    const now = performance.now() / 1000;
    const sky = pen.createLinearGradient(0, 0, 0, height);
    sky.addColorStop(0, "#a9c6cf");
    sky.addColorStop(1, "#f1dcc0");
    pen.fillStyle = sky;
    pen.fillRect(0, 0, width, height);
    pen.fillStyle = "#f7ead2";
    pen.beginPath();
    pen.arc(width * 0.66, height * 0.36 + Math.sin(now / 4) * 12, height * 0.1, 0, 7);
    pen.fill();
    ["#8fa79a", "#6c8a78", "#476a58", "#2c4a3c"].forEach((colour, n) => {
      pen.fillStyle = colour;
      pen.beginPath();
      pen.moveTo(0, height);
      for (let x = 0; x <= width; x += 16) {
        pen.lineTo(x, height * (0.56 + n * 0.11) + Math.sin(x / (190 - n * 22) + n * 2 + now / 9) * (46 - n * 8));
      }
      pen.lineTo(width, height);
      pen.fill();
    });
    requestAnimationFrame(draw);
  };
  draw();
  return canvas.captureStream(25);
}

/** With a track of sound beside it, as a camera with its microphone has. */
export function withTone(stream: MediaStream): MediaStream {
  const sound = new AudioContext().createMediaStreamDestination();
  for (const track of sound.stream.getAudioTracks()) stream.addTrack(track);
  return stream;
}
