// How the server does: what waits, disks, versions, and what each process counts.
import { get } from "./api.js";
import { h, show } from "./dom.js";
import { age, bytes, count, exact, percent, when } from "./format.js";
import { t } from "./words.js";

const EVERY = 5000;
const FIGURES = ["deliveries_queued", "deliveries_in_flight", "events_above_low_water", "events_accepted_total", "deliveries_succeeded_total", "deliveries_retrying_total", "deliveries_failed_total", "mirror_behind_seconds"];

export function open(place) {
  const body = h("div");
  show(place, h("div", { class: "head" }, h("h1", null, t("system"))), body);
  const load = () => get("v2/api/system").then(({ data }) => show(body, whole(data)), (error) => show(body, h("p", { class: "fault" }, error.message)));
  load();
  const timer = setInterval(load, EVERY);
  return () => clearInterval(timer);
}

function whole(one) {
  const sum = (name) => one.processes.reduce((all, { figures }) => all + (figures[name] ?? 0), 0);
  const { waiting } = one;
  return [
    h("ul", { class: "tiles" },
      tile(t("waiting"), `${waiting.complete ? "" : "≥ "}${count(waiting.count)}`, t("waiting hint")),
      tile(t("oldest waiting"), waiting.oldest_event_at ? when(waiting.oldest_event_at) : "–", exact(waiting.oldest_event_at)),
      tile(t("in memory"), count(sum("deliveries_queued") + sum("deliveries_in_flight")), t("in memory hint")),
      tile(t("oldest event"), age(Math.max(...one.processes.map(({ figures }) => figures.retention_oldest_event_seconds ?? 0))), t("oldest event hint"))),
    h("div", { class: "columns two even" },
      h("section", null, h("h2", null, t("disks")), one.disks.length ? h("ul", { class: "rows" }, one.disks.map(disk)) : h("p", { class: "hint" }, "–")),
      h("section", null, h("h2", null, t("versions")),
        h("dl", { class: "facts" }, [["Switchhook", one.version], ["Python", one.python], [t("database"), one.database], [t("started"), exact(one.started_at)]].map(([name, value]) => [h("dt", null, name), h("dd", null, value)])))),
    h("section", null, h("h2", null, t("processes")), h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("processes") }, processes(one.processes))),
  ];
}

function tile(label, value, hint) {
  return h("li", { title: hint }, h("span", null, label), h("strong", null, value));
}

function disk(one) {
  const free = one.free_bytes !== null && one.total_bytes ? one.free_bytes / one.total_bytes : null;
  return h("li", null, h("strong", { class: "grow" }, t(`disk ${one.name}`, one.name)),
    free === null ? h("span", { class: "state failed" }, t("no answer")) : [
      h("meter", { min: 0, max: 1, low: 0.7, high: 0.9, optimum: 0, value: 1 - free, "aria-label": t("used") }),
      h("span", null, `${bytes(one.free_bytes)} ${t("free")} (${percent(free)})`)]);
}

function processes(all) {
  return h("table", null,
    h("thead", null, h("tr", null, h("th", { scope: "col" }, t("process")), FIGURES.map((name) => h("th", { scope: "col", title: name }, t(`figure ${name}`))))),
    h("tbody", null, all.map((one) => h("tr", null, h("th", { scope: "row" }, one.worker || "1"), FIGURES.map((name) => h("td", null, one.figures[name] === undefined ? "–" : count(Math.round(one.figures[name]))))))));
}
