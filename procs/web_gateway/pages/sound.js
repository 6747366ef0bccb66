// The two ends of the sound in the page: her voice out, the microphone in. The work is done in worklets.

export const RATE_HZ = 48_000;
const TARGET_MS = 150;
const FRAME_MS = 20;
const EARLY = 500; // messages: 10 s

export class Player {
  /** @param {(report: {turn, positionMs, bufferedMs, underruns, playing, peak}) => void} onReport */
  constructor(onReport) {
    this.onReport = onReport;
    this.turn = 0;
    this.positionMs = 0;
    this.early = [];
  }

  /** Make the audio context; call it in an answer to a click or a key, or it may not sound yet. */
  async open(onStateChange) {
    this.context ??= new AudioContext({ sampleRate: RATE_HZ, latencyHint: "interactive" });
    if (!this.node) {
      this.context.onstatechange = () => onStateChange(this.context.state);
      await this.context.audioWorklet.addModule("player-worklet.js");
      if (!this.node) this.#start();
    }
    this.context.resume(); // not awaited: without a click it waits for one
    onStateChange(this.context.state);
  }

  #start() {
    this.node = new AudioWorkletNode(this.context, "player", {
      numberOfInputs: 0, outputChannelCount: [1], processorOptions: { targetMs: TARGET_MS },
    });
    this.node.port.onmessage = ({ data }) => this.onReport(data);
    this.node.connect(this.context.destination);
    for (const message of this.early.splice(0)) this.#post(message);
  }

  /** What follows belongs to this turn, from this position on. */
  begin(turn, positionMs) {
    this.turn = turn;
    this.positionMs = positionMs;
  }

  /** A binary message: 20 ms. */
  frame(samples) {
    const message = { kind: "frame", turn: this.turn, positionMs: this.positionMs, samples };
    this.#post(message, [samples]);
    this.positionMs += FRAME_MS;
  }

  /** The turn's sound is complete. */
  end() { this.#post({ kind: "end" }); }

  /** Silence, now. */
  flush() { this.#post({ kind: "flush" }); }

  /** A page that was loaded anew may get sound before its audio thread has started. */
  #post(message, transfer = []) {
    if (this.node) this.node.port.postMessage(message, transfer);
    else if (this.early.length < EARLY) this.early.push(message);
  }
}

export class Microphone {
  /**
   * @param {(samples: ArrayBuffer) => void} onFrame gets 640 bytes each 20 ms while open
   * @param {(peak: number) => void} onPeak
   */
  constructor(onFrame, onPeak) {
    this.onFrame = onFrame;
    this.onPeak = onPeak;
    this.wanted = false;
  }

  /** Open; throws what the browser throws when there is none or it may not. */
  async open() {
    if (!navigator.mediaDevices) throw new Error("The browser gives a microphone to https and localhost only.");
    this.wanted = true;
    const audio = { echoCancellation: true, noiseSuppression: true, channelCount: 1 };
    const stream = await navigator.mediaDevices.getUserMedia({ audio });
    if (!this.wanted) return this.#release(stream);
    this.close();
    this.wanted = true;
    this.stream = stream;
    this.context = new AudioContext({ sampleRate: RATE_HZ });
    const context = this.context;
    await context.audioWorklet.addModule("recorder-worklet.js");
    if (context !== this.context) return undefined;
    const node = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0 });
    node.port.onmessage = ({ data }) => {
      if (context !== this.context) return;
      this.onFrame(data.samples);
      this.onPeak(data.peak);
    };
    context.createMediaStreamSource(stream).connect(node);
    return undefined;
  }

  /** Close; the browser's sign of recording goes out. */
  close() {
    this.wanted = false;
    this.#release(this.stream);
    this.context?.close();
    this.stream = this.context = undefined;
    this.onPeak(0);
  }

  #release(stream) { stream?.getTracks().forEach((track) => track.stop()); }
}
