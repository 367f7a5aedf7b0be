// The list of endpoints, each with its health at a glance.
import { get } from "./api.js";
import { doing, h, show } from "./dom.js";
import { count, exact, percent, until } from "./format.js";
import { latencyPlot, successPlot } from "./plots.js";
import { edit, ofFirstVersion } from "./webhook_form.js";
import { t } from "./words.js";

export function condition(one) {
  if (!one.enabled) return ["failed", t("disabled")];
  if (one.paused) return ["pending", t("paused")];
  return ["succeeded", t("enabled")];
}

export function open(place) {
  const list = h("ul", { class: "cards" });
  const add = () => edit(null, (made) => (location.hash = `#/webhooks/${made.id}`));
  show(place, h("div", { class: "head" }, h("h1", null, t("webhooks")), h("span", { class: "space" }), doing(t("new webhook"), add, { class: "first" })), list);

  // Only what is in sight asks for its health.
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((one) => one.isIntersecting)) {
      watch.unobserve(entry.target);
      fillHealth(entry.target.querySelector(".health"), entry.target.dataset.id);
      if (entry.target.dataset.version) fillCondition(entry.target);
    }
  });

  Promise.all([get("v2/api/webhooks"), get("v1/api/webhooks")]).then((lists) => {
    const data = lists.flatMap((one) => one.data);
    if (!data.length) {
      show(list, h("li", { class: "empty" }, h("p", null, t("no webhooks")), h("p", null, t("no webhooks next")), doing(t("new webhook"), add, { class: "first" })));
      return;
    }
    show(list, data.map(card));
    for (const one of list.children) watch.observe(one);
  }, (error) => show(list, h("li", { class: "fault" }, error.message)));
  return () => watch.disconnect();
}

function card(one) {
  const [kind, text] = condition(one);
  return h("li", { class: "card", "data-id": one.id, "data-version": ofFirstVersion(one) ? "v1" : null },
    h("div", { class: "about" },
      h("a", { href: `#/webhooks/${one.id}`, class: "name" }, one.description || one.url),
      one.description && h("code", { class: "address" }, one.url),
      h("p", { class: "row" }, h("span", { class: `state ${kind}` }, text), version(one), h("span", { class: "hint" }, one.topics.length > 3 ? `${one.topics.length} ${t("topics")}` : one.topics.join(", ")))),
    h("div", { class: "health" }));
}

// The list of the first version does not say whether an endpoint is paused.
async function fillCondition(card) {
  const found = await get(`v2/api/webhooks/${card.dataset.id}`).catch(() => null);
  if (!found) return;
  const [kind, text] = condition(found.data);
  const place = card.querySelector(".state");
  place.className = `state ${kind}`;
  place.textContent = text;
}

// What tells an endpoint of the first version from the others.
export function version(one) {
  return ofFirstVersion(one) && [h("span", { class: "tag", title: t("v1 hint") }, "v1"), h("span", { class: "hint" }, one.allo_number)];
}

export async function fillHealth(place, id, hours = 24) {
  try {
    const health = (await get(`v2/api/webhooks/${id}/health?hours=${hours}`)).data;
    const slow = Math.max(0, ...health.buckets.map((one) => one.p95 ?? 0));
    show(place,
      figure(t("success"), percent(health.success_rate), successPlot(health)),
      figure(t("latency"), slow ? `p95 ${count(Math.round(slow))} ms` : "–", latencyPlot(health)),
      h("div", { class: "figure narrow" }, h("span", null, t("pending")), h("strong", null, count(health.pending))),
      warning(health));
  } catch (error) {
    show(place, h("p", { class: "fault" }, error.message));
  }
}

function warning(health) {
  if (health.disabled_at) return h("p", { class: "warning" }, `${t("failing since")} ${exact(health.failing_since)}. ${t("disabled in")} ${until(health.disabled_at)}.`);
  if (health.failing_since) return h("p", { class: "warning" }, `${t("failing since")} ${exact(health.failing_since)}.`);
  return null;
}

function figure(label, value, plot) {
  return h("div", { class: "figure" }, h("span", null, label), h("strong", null, value), plot);
}
