// Calls ringing now, and events as they happen.
import { get, url } from "./api.js";
import { button, h, show } from "./dom.js";
import { exact, when } from "./format.js";
import { fillEvent } from "./event.js";
import { t } from "./words.js";

const MOST = 200; // rows kept; what is older lies with the webhooks
const SOON = 300; // ms, in which all that is told of calls leads to one look at them
const AGAIN = 3000; // ms, until a connection that was refused is made anew

export function open(place, _, me) {
  const list = h("ol", { class: "events", "aria-live": "polite", "aria-relevant": "additions", "aria-label": t("events") });
  const ringing = h("ul", { class: "ringing" });
  const status = h("span", { class: "link wait", role: "status" }, t("connecting"));
  const filter = h("select", { "aria-label": t("show"), onchange: sift },
    ["", "call.", "sms.", "contact.", "tag."].map((one) => h("option", { value: one }, t(`kind ${one}`))));
  const pause = button(t("pause"), hold, { "aria-pressed": "false" });
  const empty = h("div", { class: "empty" }, h("p", null, t("no events")), h("p", null, t("no events next"), " ", h("a", { href: "#/webhooks" }, t("webhooks"))));
  const mayCalls = me.scopes.includes("ALL") || me.scopes.includes("CONVERSATIONS_READ");
  show(
    place,
    h("div", { class: "head" }, h("h1", null, t("live")), status, h("span", { class: "space" }), filter, pause),
    mayCalls && h("section", { "aria-labelledby": "ringing-title" }, h("h2", { id: "ringing-title" }, t("ringing now")), ringing),
    h("section", { "aria-labelledby": "events-title" }, h("h2", { id: "events-title" }, t("events")), empty, list),
  );

  const seen = new Set();
  let held = null;

  function fits(topic) {
    return topic.startsWith(filter.value);
  }

  function sift() {
    for (const row of list.children) row.hidden = !fits(row.dataset.topic);
  }

  function hold() {
    const on = pause.getAttribute("aria-pressed") !== "true";
    pause.setAttribute("aria-pressed", String(on));
    pause.textContent = on ? t("resume") : t("pause");
    if (on) held = [];
    else {
      held.forEach(add);
      held = null;
    }
  }

  function add(event) {
    if (seen.has(event.id)) return;
    seen.add(event.id);
    put(row(event));
  }

  function put(line) {
    empty.hidden = true;
    list.prepend(line);
    while (list.children.length > MOST) {
      seen.delete(list.lastChild.dataset.id);
      list.lastChild.remove();
    }
  }

  function row(event) {
    const inner = h("div", { class: "inner" });
    const about = h("span", { class: "about" }, told(event));
    const line = h("summary", null,
      h("time", { datetime: event.created_at, title: exact(event.created_at) }, when(event.created_at)),
      h("span", { class: `topic ${event.topic.split(".")[0]}` }, event.topic), about);
    const details = h("details", { ontoggle: () => details.open && fillEvent(inner, event.id) }, line, inner);
    return h("li", { "data-topic": event.topic, "data-id": event.id, hidden: !fits(event.topic) }, details);
  }

  let source = null;
  let again = null;
  let soon = null;

  function connect() {
    source = new EventSource(url("v2/api/events/stream?recent=50"));
    source.addEventListener("open", () => light("good", t("connected")));
    source.addEventListener("error", () => {
      light("bad", t("reconnecting"));
      if (source.readyState !== EventSource.CLOSED) return; // the browser tries again
      // Refused: it may be over with the session, which the look at who is signed in tells.
      get("v2/api/me").catch(() => {});
      again = setTimeout(connect, AGAIN);
    });
    source.addEventListener("event", (message) => {
      const event = JSON.parse(message.data);
      if (held) held = [...held.slice(1 - MOST), event];
      else add(event);
      if (event.topic.startsWith("call.")) soon ??= setTimeout(look, SOON);
    });
    source.addEventListener("gap", () => put(h("li", { class: "gap", "data-topic": "", "data-id": "" }, t("gap"))));
  }
  connect();

  function light(kind, text) {
    status.className = `link ${kind}`;
    status.textContent = text;
  }

  async function look() {
    clearTimeout(soon);
    soon = null;
    if (!mayCalls) return;
    try {
      const found = (await get("v2/api/calls/active")).data;
      show(ringing, found.length ? found.map(call) : h("li", { class: "hint" }, t("no ringing")));
    } catch (error) {
      show(ringing, h("li", { class: "fault" }, error.message));
    }
  }

  look();
  const timer = setInterval(look, 3000);
  return () => {
    source.close();
    clearTimeout(again);
    clearTimeout(soon);
    clearInterval(timer);
  };
}

function call(one) {
  const [arrow, other, ours] = one.direction === "OUTBOUND" ? ["↗", one.to_number, one.from_number] : ["↙", one.from_number, one.to_number];
  return h("li", { class: one.state === "RINGING" ? "rings" : "talks" },
    h("span", { "aria-hidden": "true" }, arrow), h("strong", null, other || t("unknown")), h("span", null, ours),
    h("span", { class: "state pending" }, t(`call ${one.state}`)), h("time", { datetime: one.started_at }, when(one.started_at)));
}

// What an event is about, in a line.
export function told(event) {
  const data = event.payload?.data;
  if (!data) return "";
  const parts = [data.from_number && `${data.from_number} → ${data.to_number ?? data.to ?? ""}`, data.result, data.content, data.tag_name, [data.name, data.last_name].filter(Boolean).join(" ")];
  return parts.filter((one) => typeof one === "string" && one).join(" · ").slice(0, 160);
}
