// The API, asked with the session's cookie in place of a key.
import { t } from "./words.js";

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

const PATIENCE = 30000; // ms, for an answer

export async function ask(method, path, body, { again = 3, key = null } = {}) {
  const headers = { "x-switchhook-page": "1" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (key) headers["idempotency-key"] = key;
  const answer = await reach(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal: AbortSignal.timeout(PATIENCE) });
  if (answer.status === 429 && again > 0) {
    await new Promise((done) => setTimeout(done, 1000 * (Number(answer.headers.get("retry-after")) || 1)));
    return ask(method, path, body, { again: again - 1, key });
  }
  return answer.status === 204 ? null : read(answer, path);
}

// A file as it is.
export async function send(method, path, body, type) {
  return read(await reach(path, { method, headers: { "x-switchhook-page": "1", "content-type": type }, body }), path);
}

async function reach(path, options) {
  try {
    return await fetch(url(path), { ...options, credentials: "same-origin" });
  } catch {
    throw new Refused(0, { message: t("server away") });
  }
}

async function read(answer, path) {
  const document_ = await answer.json().catch(() => null);
  if (answer.ok && document_) return document_;
  if (answer.status === 401 && path !== "dashboard/session") onSignedOut();
  // Half an answer is none, and what stands between may answer in words of its own.
  throw new Refused(answer.status, document_?.error ?? (answer.ok ? { message: t("server away") } : { message: `${t("server away")} (HTTP ${answer.status})` }));
}

// Posts that are done once: when the answer was lost, the same request is sent again under the key it had.
export function once() {
  const keys = new Map();
  return (path, body = {}) => {
    const said = `${path} ${JSON.stringify(body)}`;
    if (!keys.has(said)) keys.set(said, [...crypto.getRandomValues(new Uint8Array(16))].map((one) => one.toString(16).padStart(2, "0")).join(""));
    return ask("POST", path, body, { key: keys.get(said) });
  };
}

// How the server stands. One that is not ready says why, with a status of its own.
export async function readiness() {
  const answer = await reach("readyz", { signal: AbortSignal.timeout(PATIENCE) });
  return answer.status === 503 ? (await answer.json().catch(() => null)) ?? read(answer, "readyz") : read(answer, "readyz");
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

// A file that came with a text, likewise.
export function ownFile(link) {
  const found = /\/v1\/assets\/files\/[\w-]+(\?[^#]*)?$/.exec(link ?? "");
  return found && link.startsWith("http") ? url(found[0].slice(1)) : null;
}

// Where the waveform of a recording of ours is.
export const peaksOf = (sound) => sound.slice(base.href.length).replace(".mp3", "/peaks");
