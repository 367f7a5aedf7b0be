// Our numbers, who answers them, and how the lines to the outside do.
import { readiness } from "./api.js";
import { h, show } from "./dom.js";
import { exact, when } from "./format.js";
import { openNumbers, openUsers } from "./team.js";
import { t } from "./words.js";

const GOOD = /^(up|ok|ready|registered|connected|open|online|running)$/i;
const WAIT = /^(stand|start|restart|wait|connecting|registering)/i;

export function open(place, _, me) {
  const may = (scope) => me.scopes.includes("ALL") || me.scopes.includes(scope);
  const lines = h("div");
  const numbers = h("div");
  const users = h("div");
  show(place, h("div", { class: "head" }, h("h1", null, t("lines"))),
    h("section", { "aria-labelledby": "state-title" }, h("h2", { id: "state-title" }, t("lines and connectors")), lines),
    h("section", { "aria-labelledby": "numbers-title" }, h("h2", { id: "numbers-title" }, t("our numbers")), numbers),
    may("USERS_READ") && h("section", { "aria-labelledby": "users-title" }, h("h2", { id: "users-title" }, t("users")), users));

  const look = () => readiness().then((told) => show(lines, state(told)), (error) => show(lines, h("p", { class: "fault" }, error.message)));
  look();
  openNumbers(numbers, may);
  if (may("USERS_READ")) openUsers(users, may);
  const timer = setInterval(look, 5000);
  return () => clearInterval(timer);
}

function state(told) {
  const known = Object.entries(told.telephony ?? {});
  return [
    told.problems?.length > 0 && h("ul", { class: "plain" }, told.problems.map((one) => h("li", { class: "warning" }, one))),
    known.length ? h("ul", { class: "rows" }, known.map(([name, value]) => line(name, value, told.telephony_since?.[name]))) : h("div", { class: "empty" }, h("p", null, t("no lines")), h("p", null, t("no lines next"), " ", h("code", null, "--sip-listen"))),
  ];
}

// What a source tells of itself is a word, or words by name.
function line(name, value, since) {
  const parts = value !== null && typeof value === "object" ? Object.entries(value) : [["", value]];
  const head = parts.find(([key]) => key === "" || key === "state" || key === "status");
  const rest = parts.filter((one) => one !== head);
  const word = head ? String(head[1]) : "";
  const counted = /^\d+$/.test(word);
  const kind = GOOD.test(word) ? "succeeded" : WAIT.test(word) ? "pending" : "failed";
  const todo = word && !counted && advice(name, word);
  return h("li", { "data-line": name }, h("strong", { class: "grow" }, t(`source ${name}`, name)),
    rest.length > 0 && h("span", { class: "hint" }, rest.map(([key, one]) => `${key}: ${typeof one === "object" ? JSON.stringify(one) : one}`).join(" · ")),
    since && h("span", { class: "hint" }, `${t("since")} `, h("time", { datetime: since, title: exact(since) }, when(since))),
    word && (counted ? h("span", { class: "figures" }, word) : h("span", { class: `state ${kind}` }, word)),
    todo && h("p", { class: "todo" }, todo));
}

// What to do about a line that is not up; null when nothing is.
function advice(name, word) {
  if (GOOD.test(word)) return null;
  if (/^stand/i.test(word)) return t("advice standby");
  const kind = /^(refused|lost)\b/i.exec(word)?.[1].toLowerCase();
  if (kind) return [t(`advice ${kind}`), t(`advice ${name}`, "")].filter(Boolean).join(" ");
  if (WAIT.test(word)) return t("advice waiting");
  return t(`advice ${name}`, t("advice doctor"));
}
