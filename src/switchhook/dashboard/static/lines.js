// Our numbers, who answers them, and how the lines to the outside do.
import { get } from "./api.js";
import { h, show } from "./dom.js";
import { t } from "./words.js";

const GOOD = /^(up|ok|ready|registered|connected|open|online|running)$/i;
const WAIT = /stand|start|wait|connecting|registering/i;

export function open(place, _, me) {
  const may = (scope) => me.scopes.includes("ALL") || me.scopes.includes(scope);
  const lines = h("div");
  const numbers = h("div");
  const users = h("div");
  show(place, h("div", { class: "head" }, h("h1", null, t("lines"))),
    h("section", { "aria-labelledby": "state-title" }, h("h2", { id: "state-title" }, t("lines and connectors")), lines),
    h("section", { "aria-labelledby": "numbers-title" }, h("h2", { id: "numbers-title" }, t("our numbers")), numbers),
    may("USERS_READ") && h("section", { "aria-labelledby": "users-title" }, h("h2", { id: "users-title" }, t("users")), users));

  const look = () => get("readyz").then((told) => show(lines, state(told)), (error) => show(lines, h("p", { class: "fault" }, error.message)));
  look();
  get("v2/api/numbers").then(({ data }) => show(numbers, listed(data, number, "no numbers")), (error) => show(numbers, h("p", { class: "fault" }, error.message)));
  if (may("USERS_READ")) {
    const asked = ["ACTIVE", "BLOCKED"].map((status) => get(`v2/api/users?status=${status}`));
    Promise.all(asked).then((found) => show(users, listed(found.flatMap((one) => one.data), user, "no users")), (error) => show(users, h("p", { class: "fault" }, error.message)));
  }
  const timer = setInterval(look, 5000);
  return () => clearInterval(timer);
}

function state(told) {
  const known = Object.entries(told.telephony ?? {});
  return [
    told.problems?.length > 0 && h("ul", { class: "plain" }, told.problems.map((one) => h("li", { class: "warning" }, one))),
    known.length ? h("ul", { class: "rows" }, known.map(([name, value]) => line(name, value))) : h("div", { class: "empty" }, h("p", null, t("no lines")), h("p", null, t("no lines next"), " ", h("code", null, "--sip-listen"))),
  ];
}

// What a source tells of itself is a word, or words by name.
function line(name, value) {
  const parts = value !== null && typeof value === "object" ? Object.entries(value) : [["", value]];
  const head = parts.find(([key]) => key === "" || key === "state" || key === "status");
  const rest = parts.filter((one) => one !== head);
  const word = head && !/^\d+$/.test(head[1]) ? String(head[1]) : "";
  const kind = GOOD.test(word) ? "succeeded" : WAIT.test(word) ? "pending" : "failed";
  return h("li", null, h("strong", { class: "grow" }, t(`source ${name}`, name)),
    rest.length > 0 && h("span", { class: "hint" }, rest.map(([key, one]) => `${key}: ${typeof one === "object" ? JSON.stringify(one) : one}`).join(" · ")),
    head && !word && h("span", { class: "figures" }, head[1]),
    word && h("span", { class: `state ${kind}` }, word));
}

function listed(data, row, none) {
  return data.length ? h("ul", { class: "rows" }, data.map(row)) : h("div", { class: "empty" }, h("p", null, t(none)), h("p", null, t(`${none} next`), " ", h("code", null, none === "no users" ? "switchhook users add" : "switchhook numbers add")));
}

function number(one) {
  return h("li", null, h("strong", null, one.number ?? one.name), h("span", { class: "grow" }, one.number ? one.name : ""),
    h("span", { class: "hint" }, one.users.map((who) => who.name || who.email).join(", ") || t("nobody")),
    h("span", { class: "chips" }, one.capabilities.map((what) => h("span", { class: "topic" }, what))));
}

function user(one) {
  return h("li", { class: one.status === "BLOCKED" ? "past" : null }, h("strong", null, one.name || one.email), h("span", { class: "grow hint" }, one.email),
    h("span", { class: "topic" }, one.role), one.status === "BLOCKED" && h("span", { class: "state failed" }, t("blocked")));
}
