// Leaves a page that is for a visitor who is signed in, when they are signed out elsewhere.
const address = new URL("/live", location);
address.protocol = address.protocol.replace("http", "ws");
const live = new WebSocket(address);
live.onclose = (event) => {
  if (event.code === 1000) location.reload();
};
// A form that signs out here brings its own answer.
addEventListener("beforeunload", () => {
  live.onclose = null;
});
