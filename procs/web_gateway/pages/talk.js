// The two ways to open the microphone: held (a key, the mouse, a finger), and open until it is closed.
import { byId } from "./dom.js";

const isPressed = (id) => byId(id).getAttribute("aria-pressed") === "true";
const press = (id, pressed) => byId(id).setAttribute("aria-pressed", String(pressed));

export class Talk {
  /**
   * @param {import("./sound.js").Microphone} microphone
   * @param {() => boolean} mayOpen whether somebody is there to hear it
   * @param {(message: string) => void} onTrouble
   */
  constructor(microphone, mayOpen, onTrouble) {
    this.microphone = microphone;
    this.mayOpen = mayOpen;
    this.onTrouble = onTrouble;
    this.#wire();
  }

  toggle() {
    if (isPressed("open-mic")) this.close();
    else this.#open("open-mic");
  }

  hold() { if (!isPressed("open-mic")) this.#open("hold"); }

  letGo() { if (isPressed("hold")) this.close(); }

  close() {
    this.microphone.close();
    press("hold", false);
    press("open-mic", false);
  }

  async #open(id) {
    if (!this.mayOpen()) return;
    press(id, true);
    try {
      await this.microphone.open();
    } catch (error) {
      this.close();
      this.onTrouble(`The microphone can't be used: ${error.message}`);
    }
  }

  #wire() {
    const button = byId("hold");
    byId("open-mic").onclick = () => this.toggle();
    button.onpointerdown = ({ button: which, pointerId }) => {
      if (which) return;
      button.setPointerCapture(pointerId); // a hand that slips off the button still holds it
      this.hold();
    };
    for (const name of ["onpointerup", "onpointercancel", "onlostpointercapture"]) button[name] = () => this.letGo();
    button.oncontextmenu = (event) => event.preventDefault(); // what a long touch asks for
    addEventListener("keyup", ({ key }) => { if (key === " ") this.letGo(); });
    addEventListener("blur", () => this.letGo()); // another window gets the key's release
    document.addEventListener("visibilitychange", () => { if (document.hidden) this.letGo(); });
  }
}
