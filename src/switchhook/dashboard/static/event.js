// One event, opened: its payload and its deliveries; and one delivery with its attempts.
import { get, post } from "./api.js";
import { doing, h, show, toast } from "./dom.js";
import { filesOf } from "./files.js";
import { exact, until, when } from "./format.js";
import { t } from "./words.js";

export function state(status) {
  return h("span", { class: `state ${status}` }, t(`state ${status}`, status));
}

export function json(value) {
  return h("pre", { tabindex: "0", role: "region", "aria-label": "JSON" }, JSON.stringify(value, null, 2));
}

export async function fillEvent(place, id) {
  show(place, h("p", { class: "hint" }, t("loading")));
  try {
    const [{ data: event }, named] = await Promise.all([get(`v2/api/events/${encodeURIComponent(id)}`), names()]);
    const files = h("div");
    if (event.topic.startsWith("sms.") && event.payload?.data?.type === "MMS") fillFiles(files, event.payload.data.id);
    show(
      place,
      files,
      h("h4", null, t("deliveries")),
      event.deliveries.length
        ? h("ul", { class: "plain" }, event.deliveries.map((one) => deliveryLine(one, named)))
        : h("p", { class: "hint" }, t("no subscriber")),
      h("h4", null, t("payload")),
      event.payload === null ? h("p", { class: "hint" }, t("expunged")) : json(event.payload),
    );
  } catch (error) {
    show(place, h("p", { class: "fault" }, error.message));
  }
}

// For who may read what was said.
async function fillFiles(place, text) {
  const found = await get(`v2/api/conversations/items/${encodeURIComponent(text)}`).catch(() => null);
  if (found) show(place, filesOf(found.data));
}

// What the endpoints are called, by id.
async function names() {
  const lists = await Promise.all(["v2/api/webhooks", "v1/api/webhooks"].map((path) => get(path).then(({ data }) => data, () => [])));
  return new Map(lists.flat().map((one) => [one.id, one.description || one.url]));
}

function deliveryLine(one, named) {
  const inner = h("div", { class: "inner" });
  const summary = h("summary", null, state(one.status), h("span", { class: "to", title: one.webhook_id }, named.get(one.webhook_id) ?? one.webhook_id), h("span", { class: "hint" }, attempts(one)));
  return h("li", null, h("details", { ontoggle: (event) => event.target.open && fillDelivery(inner, one.id) }, summary, inner));
}

function attempts(one) {
  const last = one.last_response_status ? ` · ${one.last_response_status}` : "";
  const next = one.next_attempt_at && one.status === "pending" ? ` · ${t("next")} ${until(one.next_attempt_at)}` : "";
  return `${one.attempts}×${last}${next}`;
}

// Until there is an attempt after the first `before` ones; five seconds at most.
export async function tried(id, before) {
  for (let round = 0; round < 10; round++) {
    await new Promise((done) => setTimeout(done, 500));
    const one = (await get(`v2/api/deliveries/${encodeURIComponent(id)}`)).data;
    if (one.attempts.length > before) return;
  }
}

export async function fillDelivery(place, id, changed = () => {}) {
  show(place, h("p", { class: "hint" }, t("loading")));
  try {
    const one = (await get(`v2/api/deliveries/${encodeURIComponent(id)}`)).data;
    const again = async () => {
      await post(`v2/api/deliveries/${encodeURIComponent(id)}/retry`);
      toast(t("queued again"));
      await tried(id, one.attempts.length);
      changed();
      await fillDelivery(place, id, changed);
    };
    show(
      place,
      h("div", { class: "row" }, doing(t("retry"), again), h("code", null, one.event_id)),
      one.attempts.length ? one.attempts.map(attempt).reverse() : h("p", { class: "hint" }, t("not attempted")),
      h("details", null, h("summary", null, t("request")), one.payload === null ? h("p", { class: "hint" }, t("expunged")) : json(one.payload)),
    );
  } catch (error) {
    show(place, h("p", { class: "fault" }, error.message));
  }
}

function attempt(one) {
  const answer = one.response;
  const good = !one.error;
  return h(
    "section",
    { class: "attempt" },
    h("p", { class: "row" },
      h("strong", null, `#${one.number}`),
      h("span", { class: good ? "state succeeded" : "state failed" }, one.status_code ?? one.result),
      h("time", { datetime: one.started_at, title: exact(one.started_at) }, when(one.started_at)),
      h("span", null, `${one.duration_ms} ms`)),
    one.error && h("p", { class: "fault" }, one.error.message),
    one.error?.operator_message && one.error.operator_message !== one.error.message && h("p", { class: "hint" }, one.error.operator_message),
    answer && h("details", null,
      h("summary", null, t("response")),
      h("pre", { tabindex: "0", role: "region", "aria-label": t("response") },
        answer.headers.map((header) => `${header.name}: ${header.value}\n`).join(""), "\n", answer.body, answer.truncated ? " …" : "")),
  );
}
