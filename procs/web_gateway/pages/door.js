// Whether this browser may come in, and what to do if not.

const LIMIT_MS = 5_000; // a network that swallows everything answers nothing, and refuses nothing

export const NOT_SIGNED_IN = "This browser is not signed in, or no longer. Open the link that `./miku link` prints.";
export const UNREACHABLE = "The gateway can't be reached. Is Miku running?";

/** The answer to a request; null if none comes in time. */
export const ask = (path, options = {}) =>
  fetch(path, { ...options, signal: AbortSignal.timeout(LIMIT_MS) }).catch(() => null);

/** Why this browser can't come in: `refused`, `unreachable`, or empty if it can. */
export async function refusal() {
  const answer = await ask("/api/me");
  return answer?.ok ? "" : answer?.status === 401 ? "refused" : "unreachable";
}

/** Why a stream of events is refused, in words; empty if it is not. */
export async function streamRefusal(path) {
  const stop = new AbortController();
  const late = AbortSignal.timeout(LIMIT_MS);
  late.addEventListener("abort", () => stop.abort());
  try {
    const answer = await fetch(path, { signal: stop.signal });
    if (answer.status === 401) return NOT_SIGNED_IN;
    if ([502, 504].includes(answer.status)) return UNREACHABLE; // a proxy's word
    return answer.ok ? "" : (await answer.text()).trim();
  } catch {
    return UNREACHABLE;
  } finally {
    stop.abort(); // of a stream only its head was wanted
  }
}
