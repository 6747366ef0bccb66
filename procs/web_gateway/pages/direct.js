// Her voice by WebRTC, for networks that lose packets: the sound comes on a track, all else on the WebSocket.

const GATHER_MS = 1_000; // addresses of this machine that are not known by then are left out
const LAG_MS = 150; // from the gateway's clock to the loudspeaker
const REPORT_MS = 100;

export class Direct {
  #peer = null;
  #audio = new Audio();
  #turn = 0;
  #startMs = 0;
  #startedAt = 0;
  #timer = 0;

  /**
   * @param {(report: {turn, positionMs, bufferedMs, underruns, playing, peak}) => void} onReport as the player's
   * @param {() => void} onLost called when it fails; the sound comes by the WebSocket again
   */
  constructor(onReport, onLost) {
    this.onReport = onReport;
    this.onLost = onLost;
  }

  /** Whether the sound comes this way. */
  get isCarrying() { return this.#peer?.connectionState === "connected"; }

  /** Offer to take the sound of a session; throws where that can't be. */
  async open(session) {
    this.close();
    const peer = this.#peer = new RTCPeerConnection();
    peer.addTransceiver("audio", { direction: "recvonly" });
    peer.ontrack = ({ track }) => {
      this.#audio.srcObject = new MediaStream([track]);
      this.#audio.play().catch(() => {});
    };
    peer.onconnectionstatechange = () => { if (peer === this.#peer && peer.connectionState === "failed") this.#lost(); };
    await peer.setLocalDescription();
    await gathered(peer);
    const { type, sdp } = peer.localDescription;
    const answer = await fetch(`/sessions/${session}/webrtc`, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ type, sdp }),
    });
    if (!answer.ok) throw new Error(await answer.text());
    await peer.setRemoteDescription(await answer.json());
  }

  /** What follows belongs to this turn, from this position on. */
  begin(turn, positionMs) {
    this.#turn = turn;
    this.#startMs = positionMs;
    this.#startedAt = performance.now() + LAG_MS;
    this.#audio.muted = false;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#report(this.#positionMs, true), REPORT_MS);
  }

  /** The last of it is on its way. */
  end(positionMs) {
    clearInterval(this.#timer);
    this.#timer = setTimeout(() => this.#report(positionMs, false), LAG_MS);
  }

  /** Silence, now; what is still under way is not heard. */
  flush() {
    clearInterval(this.#timer);
    this.#audio.muted = true;
    if (this.isCarrying) this.#report(this.#positionMs, false);
  }

  close() {
    clearInterval(this.#timer);
    this.#peer?.close();
    this.#peer = this.#audio.srcObject = null;
  }

  get #positionMs() { return this.#startMs + Math.max(0, performance.now() - this.#startedAt); }

  #report(positionMs, playing) {
    const [source] = this.#peer?.getReceivers()[0]?.getSynchronizationSources() ?? [];
    const peak = playing ? source?.audioLevel ?? 0 : 0;
    this.onReport({ turn: this.#turn, positionMs, bufferedMs: 0, underruns: 0, playing, peak });
  }

  #lost() {
    this.close();
    this.onLost();
  }
}

/** The offer names all addresses at once, so that it needs no second message. */
function gathered(peer) {
  return new Promise((resolve) => {
    const look = () => { if (peer.iceGatheringState === "complete") resolve(); };
    peer.addEventListener("icegatheringstatechange", look);
    setTimeout(resolve, GATHER_MS);
    look();
  });
}
