/** English: archives of what people said. */
export const exports = {
  mine: "My data",
  mineSay: "Everything you wrote, started, liked and uploaded, and what is kept about you: a zip that can be read without this site.",
  download: "Download",
  topic: "Export the topic",
  board: "Export the board with its topics",
  circle: "Export the circle",
  circleSay: "Rooms, topics, members and pictures in one zip, which another server takes in by weiquan import. No password is in it.",
  broadcast: "Export the broadcast",
};
