// The API, asked with the session's cookie in place of a key.

const base = new URL(".", location.href.split("#")[0]);

export class Refused extends Error {
  constructor(status, error) {
    super([error.message, error.suggestion].filter(Boolean).join(" "));
    this.status = status;
    this.code = error.code;
    this.param = error.param;
  }
}

let onSignedOut = () => {};
export function whenSignedOut(call) {
  onSignedOut = call;
}

export function url(path) {
  return new URL(path, base).href;
}

export async function ask(method, path, body, { again = 3 } = {}) {
  const headers = { "x-switchhook-page": "1" };
  if (body !== undefined) headers["content-type"] = "application/json";
  const answer = await fetch(url(path), {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
    credentials: "same-origin",
  });
  if (answer.status === 429 && again > 0) {
    await new Promise((done) => setTimeout(done, 1000 * (Number(answer.headers.get("retry-after")) || 1)));
    return ask(method, path, body, { again: again - 1 });
  }
  if (answer.status === 204) return null;
  const document_ = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    if (answer.status === 401 && path !== "dashboard/session") onSignedOut();
    throw new Refused(answer.status, document_.error ?? { message: `HTTP ${answer.status}` });
  }
  return document_;
}

// A file as it is.
export async function send(method, path, body, type) {
  const answer = await fetch(url(path), { method, headers: { "x-switchhook-page": "1", "content-type": type }, body, credentials: "same-origin" });
  const document_ = await answer.json().catch(() => ({}));
  if (answer.ok) return document_;
  if (answer.status === 401) onSignedOut();
  throw new Refused(answer.status, document_.error ?? { message: `HTTP ${answer.status}` });
}

export const get = (path) => ask("GET", path);
export const post = (path, body) => ask("POST", path, body ?? {});
export const put = (path, body) => ask("PUT", path, body);
export const remove = (path) => ask("DELETE", path);

// A recording is played from here only; null for one that lies with somebody else.
export function ownRecording(link) {
  const found = /\/v1\/assets\/recordings\/[\w-]+\.mp3(\?[^#]*)?$/.exec(link ?? "");
  return found && link.startsWith("http") ? url(found[0].slice(1)) : null;
}

// Where the waveform of a recording of ours is.
export const peaksOf = (sound) => sound.slice(base.href.length).replace(".mp3", "/peaks");
