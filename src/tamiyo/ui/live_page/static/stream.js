// The connection to the server. It says when it is lost, and tries again until it is back.

const SILENCE = 15000; // the server is heard from every 5 seconds
const AGAIN = 2000;

/** Follow the run: onState gets every new state, onStatus "connected", "lost" or "refused". */
export function follow(onState, onStatus) {
  let source = null;
  let timer = null;

  function open() {
    close();
    source = new EventSource("stream");
    source.addEventListener("state", (message) => {
      hear();
      onState(JSON.parse(message.data));
    });
    source.addEventListener("beat", hear);
    source.addEventListener("error", lose);
    wait(SILENCE);
  }

  function hear() {
    onStatus("connected");
    wait(SILENCE);
  }

  async function lose() {
    close();
    onStatus(await isRefused() ? "refused" : "lost");
    wait(AGAIN);
  }

  function close() {
    clearTimeout(timer);
    source?.close();
    source = null;
  }

  function wait(milliseconds) {
    clearTimeout(timer);
    timer = setTimeout(() => (source ? lose() : open()), milliseconds);
  }

  // A browser opens few connections to one server: pages that nobody looks at give theirs up.
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  if (!document.hidden) open();
}

/** Whether a server answers that was started again, with another token. */
async function isRefused() {
  try {
    return (await fetch("state.json", { cache: "no-store" })).status === 403;
  } catch {
    return false;
  }
}
