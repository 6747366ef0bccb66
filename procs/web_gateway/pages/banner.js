// The line under the header: what is wrong with the connection or the sound, and what to do about it.
import { byId, say } from "./dom.js";

let timer = 0;

/** Show a text, with a button if there is something to do; an empty text hides it. */
export function banner(text, action = "", run = null) {
  clearInterval(timer);
  byId("banner").hidden = !text;
  say(byId("banner-text"), text);
  say(byId("banner-count"), "");
  byId("banner-action").hidden = !action;
  say(byId("banner-action"), action);
  byId("banner-action").onclick = run;
}

/** Count down to a try to reconnect. A screen reader is told the try, and not each second. */
export function countDown({ attempt, of, seconds = 0 }) {
  const until = Date.now() + seconds * 1000;
  const tell = () => {
    const left = Math.ceil((until - Date.now()) / 1000);
    say(byId("banner-count"), left > 0 ? `in ${left} s ...` : "now ...");
  };
  banner(`Connection lost. Reconnecting (try ${attempt} of ${of})`);
  tell();
  timer = setInterval(tell, 1000);
}
