// Calls ringing now, and events as they happen.
import { get, url } from "./api.js";
import { button, h, show } from "./dom.js";
import { exact, result, when } from "./format.js";
import { fillEvent } from "./event.js";
import { icon, outcome } from "./icons.js";
import { firstSteps } from "./start.js";
import { t } from "./words.js";

const SETTLED = 400; // ms after a connection, in which what happened lately has come
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
  const steps = firstSteps(me);
  const mayCalls = me.scopes.includes("ALL") || me.scopes.includes("CONVERSATIONS_READ");
  show(
    place,
    h("div", { class: "head" }, h("h1", null, t("live")), status, h("span", { class: "space" }), filter, pause),
    mayCalls && h("section", { "aria-labelledby": "ringing-title" }, h("h2", { id: "ringing-title" }, t("ringing now")), ringing),
    h("section", { "aria-labelledby": "events-title" }, h("h2", { id: "events-title" }, t("events")), steps.element, list),
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
    steps.element.hidden = true;
    list.prepend(line);
    while (list.children.length > MOST) {
      seen.delete(list.lastChild.dataset.id);
      list.lastChild.remove();
    }
  }

  function row(event) {
    const inner = h("div", { class: "inner" });
    const line = h("summary", null,
      icon(...drawing(event)), h("span", { class: `topic ${event.topic.split(".")[0]}` }, event.topic),
      h("span", { class: "about" }, told(event)),
      h("time", { datetime: event.created_at, title: exact(event.created_at) }, when(event.created_at)));
    const details = h("details", { ontoggle: () => details.open && fillEvent(inner, event.id) }, line, inner);
    return h("li", { "data-topic": event.topic, "data-id": event.id, hidden: !fits(event.topic) }, details);
  }

  let source = null;
  let again = null;
  let soon = null;

  function connect() {
    source = new EventSource(url("v2/api/events/stream?recent=50"));
    source.addEventListener("open", () => {
      light("good", t("connected"));
      setTimeout(() => seen.size || held?.length || steps.offer(), SETTLED);
    });
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
  const [way, other, ours] = one.direction === "OUTBOUND" ? ["goes", one.to_number, one.from_number] : ["comes", one.from_number, one.to_number];
  const rings = one.state === "RINGING";
  return h("li", { class: rings ? "rings" : "talks" },
    icon(way), h("strong", { class: "figures" }, other || t("unknown")), h("span", { class: "hint figures" }, ours),
    h("span", { class: `state ${rings ? "pending" : "succeeded"}` }, t(`call ${one.state}`)), h("time", { datetime: one.started_at, title: exact(one.started_at) }, when(one.started_at)));
}

// The drawing beside an event.
function drawing({ topic, payload }) {
  const data = payload?.data ?? {};
  if (topic === "call.completed") return outcome(data.result, data.type);
  if (topic.startsWith("call.")) return [topic === "call.received" ? "comes" : topic === "call.triggered" ? "goes" : "calls"];
  return [{ sms: "text", contact: "contacts", tag: "tag" }[topic.split(".")[0]] ?? "webhooks"];
}

// What an event is about, in a line.
function told(event) {
  const data = event.payload?.data;
  if (!data) return "";
  const person = data.person && [data.person.name, data.person.last_name].filter(Boolean).join(" ");
  const end = (name, number) => [name && h("b", null, `${name} `), number ?? ""];
  const parts = [];
  if (typeof data.from_number === "string") parts.push([end(data.from_name || person, data.from_number), " → ", end(data.to_name, data.to_number ?? data.to)]);
  if (data.result) parts.push(result(data.result));
  for (const one of [data.content, data.tag_name, typeof data.name === "string" && [data.name, data.last_name].filter(Boolean).join(" ")]) {
    if (typeof one === "string" && one) parts.push(one.slice(0, 160));
  }
  return parts.flatMap((one, index) => (index ? [" · ", one] : [one])).flat(3);
}
