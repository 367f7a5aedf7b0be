// The settings that matter, as they are in force: they are changed where the server is started.
import { get } from "./api.js";
import { h, show } from "./dom.js";
import { age } from "./format.js";
import { t } from "./words.js";

export function open(place) {
  const body = h("div", { "aria-live": "polite" });
  show(place, h("div", { class: "head" }, h("h1", null, t("settings"))), h("p", { class: "hint" }, t("settings hint")), body);
  get("v2/api/system").then(({ data }) => show(body, data.settings.length ? table(data.settings) : h("p", { class: "empty" }, t("no settings"))), (error) => show(body, h("p", { class: "fault" }, error.message)));
}

function table(all) {
  const heads = ["name", "value", "set by"].map((one) => h("th", { scope: "col" }, t(one)));
  return h("table", { class: "settings" }, h("thead", null, h("tr", null, heads)), h("tbody", null, all.map((one) =>
    h("tr", null, h("th", { scope: "row" }, h("code", null, one.name)), h("td", null, written(one)), h("td", { class: "hint" }, one.source === "default" ? t("default") : one.source)))));
}

function written({ name, value }) {
  if (typeof value === "boolean") return t(value ? "on" : "off");
  if (name === "retry_schedule") return value.map((seconds) => (age(seconds) === "–" ? "0 s" : age(seconds))).join(" · ");
  if (Array.isArray(value)) return value.join(", ") || "–";
  return value === "" ? "–" : String(value);
}
