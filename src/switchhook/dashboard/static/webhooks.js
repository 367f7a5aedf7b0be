// The list of endpoints, each with its health at a glance.
import { get } from "./api.js";
import { doing, h, show } from "./dom.js";
import { count, exact, percent, until } from "./format.js";
import { latencyPlot, successPlot } from "./plots.js";
import { edit, ofFirstVersion } from "./webhook_form.js";
import { t } from "./words.js";

export function condition(one) {
  if (!one.enabled) return ["failed", t("disabled")];
  if (one.locked_reason) return ["failed", t("locked")];
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
      const pill = entry.target.querySelector(".state");
      const told = fillHealth(entry.target.querySelector(".health"), entry.target.dataset.id);
      Promise.all([told, entry.target.dataset.version && fillCondition(entry.target)]).then(([health]) => warn(pill, health));
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
      figure(t("success"), [percent(health.success_rate), h("small", { class: "hint" }, ` ${t("of attempts").replace("{}", count(health.attempts))}`)], [successPlot(health), span(hours)]),
      figure(t("latency"), slow ? `${count(Math.round(slow))} ms` : "–", slow ? [latencyPlot(health), legend()] : null),
      h("div", { class: "figure narrow" }, h("span", null, t("pending")), h("strong", null, count(health.pending))),
      warning(health));
    return health;
  } catch (error) {
    show(place, h("p", { class: "fault" }, error.message));
    return null;
  }
}

// One that is enabled, but whose attempts have failed since a while, says so.
export function warn(pill, health) {
  if (!health?.failing_since || !pill?.classList.contains("succeeded")) return;
  pill.className = "state failed";
  pill.textContent = t("failing");
}

function warning(health) {
  if (health.disabled_at) return h("p", { class: "warning" }, `${t("failing since")} ${exact(health.failing_since)}. ${t("disabled in")} ${until(health.disabled_at)}.`);
  if (health.failing_since) return h("p", { class: "warning" }, `${t("failing since")} ${exact(health.failing_since)}.`);
  return null;
}

// What the width of a plot is.
function span(hours) {
  return h("span", { class: "axis", "aria-hidden": "true" }, h("span", null, `−${hours} h`), h("span", null, t("now")));
}

function legend() {
  return h("span", { class: "axis", "aria-hidden": "true" }, h("i", { class: "p50" }, t("half under")), h("i", { class: "p95" }, "p95"));
}

function figure(label, value, plot) {
  return h("div", { class: "figure" }, h("span", null, label), h("strong", null, value), plot);
}
