// Deliveries of an endpoint, a page at a time: however many there are, the page holds fifty.
import { get } from "./api.js";
import { button, h, show } from "./dom.js";
import { fillDelivery, state } from "./event.js";
import { exact, until, when } from "./format.js";
import { pages } from "./pages.js";
import { t } from "./words.js";

const SIZE = 50;

// Shows them in `place`; what is given back reads them anew.
export function openDeliveries(place, path, changed) {
  let status = "";
  const rows = h("ul", { class: "deliveries" });
  const foot = h("div", { class: "row pager" });
  const tabs = ["", "pending", "succeeded", "failed"].map((one) =>
    button(t(`state ${one || "all"}`), () => choose(one), { "aria-pressed": String(one === ""), "data-status": one }));
  show(place, h("h2", { id: "deliveries-title" }, t("deliveries")), h("div", { class: "row tabs", role: "group", "aria-label": t("show") }, tabs), rows, foot);

  function choose(one) {
    status = one;
    tabs.forEach((tab) => tab.setAttribute("aria-pressed", String(tab.dataset.status === one)));
    load(1);
  }

  function row(one) {
    const inner = h("div", { class: "inner" });
    const next = one.status === "pending" && one.next_attempt_at ? `${t("next")} ${until(one.next_attempt_at)}` : "";
    const details = h("details", { ontoggle: () => details.open && fillDelivery(inner, one.id, changed) },
      h("summary", null,
        state(one.status), h("span", { class: `topic ${one.topic.split(".")[0]}` }, one.topic),
        h("span", { class: "code", title: t("response") }, one.last_response_status ?? ""),
        h("span", { class: "about" }, [`${one.attempts}×`, next].filter(Boolean).join(" · ")),
        h("time", { datetime: one.created_at, title: exact(one.created_at) }, when(one.created_at))), inner);
    return h("li", null, details);
  }

  const load = pages(rows, foot, (page) => get(`${path}/deliveries?size=${SIZE}&page=${page}${status && `&status=${status}`}`), row, () => t(status ? "no deliveries of status" : "no deliveries"));
  load();
  return () => load();
}
