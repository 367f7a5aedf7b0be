// The recording of a call: the waveforms of both sides, the place in them, and what moves it.
import { get, peaksOf } from "./api.js";
import { button, h, show, svg } from "./dom.js";
import { length } from "./format.js";
import { t } from "./words.js";

const COLUMNS = 240;
const HALF = 30; // height of one side
const TRIES = 5; // a browser does not ask again for sound that was refused once, as it is when a key asks too often

// The element, and `seek`, which plays from a second on. What has no waveform is left to the browser's own controls.
export function player(sound) {
  const audio = h("audio", { preload: "metadata", src: sound, "aria-label": t("recording") });
  const fault = h("p", { class: "fault", role: "alert" });
  const place = h("div", { class: "player" }, audio, fault);
  let wanted = null; // where a listener wants to be, until the sound can be moved there

  const seek = (at) => {
    wanted = at;
    move();
    audio.play().catch(() => {});
  };
  const move = () => {
    if (wanted === null || audio.readyState === 0) return;
    audio.currentTime = wanted;
    wanted = null;
  };
  audio.addEventListener("loadedmetadata", move);

  let tries = 0;
  audio.addEventListener("playing", () => (tries = 0));
  audio.addEventListener("error", () => {
    if (!audio.isConnected) return;
    if (tries++ === TRIES) return show(fault, t("recording failed"));
    const playing = !audio.paused;
    wanted ??= audio.currentTime || null;
    setTimeout(() => {
      audio.load();
      if (playing) audio.play().catch(() => {});
    }, 1000 * tries);
  });

  get(peaksOf(sound)).then(({ data }) => place.prepend(waves(audio, data)), () => (audio.controls = true));
  return { element: place, seek };
}

function waves(audio, { per_second: rate, left, right }) {
  const whole = Math.max(left.length, 1) / rate;
  const loudest = Math.max(16, ...columns(left), ...columns(right));
  const played = svg("rect", { class: "played", x: 0, y: 0, width: 0, height: 2 * HALF });
  const drawing = svg("svg", { viewBox: `0 0 ${COLUMNS} ${2 * HALF}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    played, side(left, loudest, HALF / 2, "theirs"), side(right, loudest, HALF * 1.5, "ours"));
  const slider = h("div", { class: "wave", role: "slider", tabindex: 0, "aria-label": t("place in recording"), "aria-valuemin": 0, "aria-valuemax": Math.round(whole) }, drawing);
  const toggle = button("", () => (audio.paused ? audio.play().catch(() => {}) : audio.pause()), { class: "toggle" });
  const clock = h("span", { class: "clock" });

  const draw = () => {
    const at = Math.min(audio.currentTime, whole);
    played.setAttribute("width", (at / whole) * COLUMNS);
    slider.setAttribute("aria-valuenow", Math.round(at));
    slider.setAttribute("aria-valuetext", `${length(at)} / ${length(whole)}`);
    show(clock, `${length(at)} / ${length(whole)}`);
    show(toggle, audio.paused ? "▶" : "❚❚");
    toggle.setAttribute("aria-label", t(audio.paused ? "play" : "pause sound"));
  };
  for (const name of ["timeupdate", "seeking", "play", "pause", "ended", "loadedmetadata"]) audio.addEventListener(name, draw);

  const to = (at) => {
    audio.currentTime = Math.min(Math.max(0, at), whole);
    draw();
  };
  const pointed = (event) => {
    const box = slider.getBoundingClientRect();
    to(((event.clientX - box.left) / box.width) * whole);
  };
  slider.addEventListener("pointerdown", (event) => {
    slider.setPointerCapture(event.pointerId);
    pointed(event);
  });
  slider.addEventListener("pointermove", (event) => slider.hasPointerCapture(event.pointerId) && pointed(event));
  slider.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -5, ArrowDown: -5, ArrowRight: 5, ArrowUp: 5, PageDown: -30, PageUp: 30, Home: -Infinity, End: Infinity };
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key in steps) to(audio.currentTime + steps[event.key]);
    else if (event.key === " " || event.key === "Enter") toggle.click();
    else return;
    event.preventDefault();
  });
  draw();
  return h("div", { class: "waves" }, toggle, h("div", { class: "sides", "aria-hidden": "true" }, h("span", null, t("them")), h("span", null, t("us"))), slider, clock);
}

// The loudest value of each column.
function columns(values) {
  const step = Math.max(1, values.length / COLUMNS);
  return Array.from({ length: Math.min(COLUMNS, values.length) }, (_, column) =>
    Math.max(...values.slice(Math.floor(column * step), Math.max(Math.floor((column + 1) * step), Math.floor(column * step) + 1))));
}

function side(values, loudest, middle, kind) {
  const found = columns(values);
  const wide = COLUMNS / Math.max(1, found.length);
  const d = found.map((value, column) => {
    const half = Math.max(0.5, (value / loudest) * (HALF / 2 - 1));
    return `M${((column + 0.5) * wide).toFixed(2)} ${(middle - half).toFixed(2)}v${(2 * half).toFixed(2)}`;
  });
  return svg("path", { d: d.join(""), class: kind });
}
