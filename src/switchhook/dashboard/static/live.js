// Calls ringing now, and events as they happen.
import { get, url } from "./api.js";
import { button, h, show } from "./dom.js";
import { exact, when } from "./format.js";
import { fillEvent } from "./event.js";
import { t } from "./words.js";

const MOST = 200; // rows kept; what is older lies with the webhooks

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
    empty.hidden = true;
    list.prepend(row(event));
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

  const source = new EventSource(url("v2/api/events/stream?recent=50"));
  source.addEventListener("open", () => light("good", t("connected")));
  source.addEventListener("error", () => light("bad", t("reconnecting")));
  source.addEventListener("event", (message) => {
    const event = JSON.parse(message.data);
    if (held) held = [...held.slice(1 - MOST), event];
    else add(event);
    if (event.topic.startsWith("call.")) look();
  });
  source.addEventListener("gap", () => list.prepend(h("li", { class: "gap", "data-topic": "", "data-id": "" }, t("gap"))));

  function light(kind, text) {
    status.className = `link ${kind}`;
    status.textContent = text;
  }

  async function look() {
    if (!mayCalls) return;
    const found = (await get("v2/api/calls/active").catch(() => ({ data: [] }))).data;
    show(ringing, found.length ? found.map(call) : h("li", { class: "hint" }, t("no ringing")));
  }

  look();
  const timer = setInterval(look, 3000);
  return () => {
    source.close();
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
