// Our numbers and who works here: the lists, and what may be changed of them.
import { get, put, remove } from "./api.js";
import { button, doing, field, h, show, toast } from "./dom.js";
import { altered, confirm, form } from "./form.js";
import { t } from "./words.js";

const CAPABILITIES = ["VOICE", "SMS", "MMS"];
const ROLES = ["ADMIN", "MANAGER", "MEMBER"];
const STATUSES = ["ACTIVE", "BLOCKED"];

const pathOf = (one) => `v2/api/numbers/${encodeURIComponent(one.number ?? one.sender_id)}`;
const called = (one) => one.number ?? one.sender_id;
const people = async () => (await Promise.all(STATUSES.map((status) => get(`v2/api/users?status=${status}`)))).flatMap((found) => found.data);
const choice = (values, chosen, word) => h("select", null, values.map((one) => h("option", { value: one, selected: one === chosen }, t(`${word} ${one}`, one))));
const settled = (one) => one?.in_settings && h("p", { class: "warning" }, t("in settings hint"));

// Fills `place` with a list and the button that adds to it; what is given back reads it anew.
function section(place, { ask, row, none, command, add }) {
  const list = h("div");
  show(place, list, add && h("p", null, add));
  return async () => {
    try {
      const found = await ask();
      show(list, found.length ? h("ul", { class: "rows" }, found.map(row)) : h("div", { class: "empty" }, h("p", null, t(none)), h("p", null, t(`${none} next`), " ", h("code", null, command))));
    } catch (error) {
      show(list, h("p", { class: "fault" }, error.message));
    }
  };
}

export function openNumbers(place, may) {
  const add = may("PHONE_NUMBERS_WRITE") && doing(t("new number"), () => editNumber(null, may, () => load()));
  const load = section(place, { ask: async () => (await get("v2/api/numbers")).data, row: (one) => number(one, may, () => load()), none: "no numbers", command: "switchhook numbers add", add });
  load();
}

export function openUsers(place, may) {
  const add = may("USERS_WRITE") && doing(t("new user"), () => editUser(null, () => load()));
  const load = section(place, { ask: people, row: (one) => user(one, may, () => load()), none: "no users", command: "switchhook users add", add });
  load();
}

function number(one, may, done) {
  const name = called(one);
  const plan = h("div", { class: "plan" });
  const details = h("details", { ontoggle: () => details.open && fillPlan(plan, one) }, h("summary", null, t("what becomes of calls")), plan);
  return h("li", { "data-id": name },
    h("strong", null, name), h("span", { class: "grow" }, one.name === name ? "" : one.name),
    h("span", { class: "hint" }, one.users.map((who) => who.name || who.email).join(", ") || t("nobody")),
    h("span", { class: "chips" }, one.capabilities.map((what) => h("span", { class: "topic" }, what)), one.in_settings && h("span", { class: "tag", title: t("in settings hint") }, t("in settings"))),
    may("PHONE_NUMBERS_WRITE") && [
      doing(t("edit"), () => editNumber(one, may, done), { "aria-label": `${t("edit")}: ${name}` }),
      button(t("let go"), () => confirm(t("let go"), `${name}: ${t("let go hint")}`, async () => {
        await remove(pathOf(one));
        toast(t("let go done"));
        done();
      }), { class: "danger", "aria-label": `${t("let go")}: ${name}` })],
    one.type === "NUMBER" && details);
}

// What the settings say of a number's calls. It cannot be changed here, and says so.
async function fillPlan(place, one) {
  show(place, h("p", { class: "hint" }, t("loading")));
  try {
    const { plan } = (await get(pathOf(one))).data;
    const rows = Object.entries(plan).map(([key, value]) => [h("dt", null, t(`plan ${key}`, key)), h("dd", null, written(key, value))]);
    show(place, h("dl", { class: "facts" }, rows), h("p", { class: "hint" }, t(one.in_settings ? "plan in settings" : "plan elsewhere")));
  } catch (error) {
    show(place, h("p", { class: "fault" }, error.message));
  }
}

function written(key, value) {
  if (typeof value === "boolean") return t(value ? "on" : "off");
  if (key === "ring") return t(`ring ${value}`, value);
  if (key === "ring_seconds") return `${value} s`;
  if (key === "hours") return [value.open.join(", "), value.zone, value.holidays.length > 0 && `${t("holidays")} ${value.holidays.join(", ")}`].filter(Boolean).join(" · ");
  return Array.isArray(value) ? value.join(" → ") : String(value);
}

async function editNumber(given, may, done) {
  const known = may("USERS_READ") ? await people() : [];
  const own = h("input", { required: true, maxlength: 64, spellcheck: "false", placeholder: "+33 1 23 45 67 89" });
  const kind = choice(["NUMBER", "SENDER_ID"], "NUMBER", "kind of number");
  const name = h("input", { maxlength: 200, value: given ? given.name : "" });
  const country = h("input", { maxlength: 2, value: given?.country ?? "", placeholder: "FR", pattern: "[A-Za-z]{2}" });
  const boxes = CAPABILITIES.map((one) => h("input", { type: "checkbox", name: one, checked: (given?.capabilities ?? ["VOICE"]).includes(one) }));
  kind.addEventListener("change", () => boxes.forEach((box) => (box.checked = box.name === (kind.value === "SENDER_ID" ? "SMS" : "VOICE"))));
  const users = h("textarea", { rows: 2, spellcheck: "false", placeholder: "anna@example.com" }, (given?.users ?? []).map((one) => one.email).join("\n"));
  const those = () => users.value.split(/[\s,;]+/).filter(Boolean);
  const put_ = (one) => () => (users.value = [...those().filter((email) => email !== one.email), one.email].join("\n"));
  const adders = known.length > 0 && h("p", { class: "chips" }, known.map((one) => button(`+ ${one.name || one.email}`, put_(one), { class: "quiet", "aria-label": `${t("add user")} ${one.name || one.email}` })));
  const asked = () => ({
    name: name.value.trim(),
    users: those(),
    capabilities: boxes.filter((one) => one.checked).map((one) => one.name),
    ...(country.value.trim() ? { country: country.value.trim() } : {}),
    ...(given ? {} : { number: own.value.trim(), type: kind.value }),
  });
  const had = asked();
  form(given ? `${t("edit")}: ${called(given)}` : t("new number"), [
    settled(given),
    !given && [field(t("number"), own), field(t("kind of number"), kind)],
    field(t("name"), name, t("number name hint")), field(t("country"), country),
    h("fieldset", null, h("legend", null, t("capabilities")), boxes.map((box) => h("label", { class: "check" }, box, h("span", null, box.name)))),
    field(t("who is rung"), users, t("who is rung hint")), adders],
  (once) => (given ? put(pathOf(given), altered(had, asked())) : once("v2/api/numbers", asked())), { then: () => (toast(t("number saved")), done()) });
  (given ? name : own).focus();
}

function user(one, may, done) {
  return h("li", { class: one.status === "BLOCKED" ? "past" : null, "data-id": one.id }, h("strong", null, one.name || one.email), h("span", { class: "grow hint" }, one.email),
    h("span", { class: "topic" }, t(`role ${one.role}`, one.role)), one.status === "BLOCKED" && h("span", { class: "state failed" }, t("blocked")),
    one.in_settings && h("span", { class: "tag", title: t("in settings hint") }, t("in settings")),
    may("USERS_WRITE") && doing(t("edit"), () => editUser(one, done), { "aria-label": `${t("edit")}: ${one.name || one.email}` }));
}

function editUser(given, done) {
  const email = h("input", { type: "email", required: true, maxlength: 254 });
  const name = h("input", { maxlength: 200, value: given?.name ?? "" });
  const role = choice(ROLES, given?.role ?? "MEMBER", "role");
  const status = choice(STATUSES, given?.status ?? "ACTIVE", "status");
  const asked = () => ({ name: name.value.trim(), role: role.value, status: status.value, ...(given ? {} : { email: email.value.trim() }) });
  const had = asked();
  form(given ? `${t("edit")}: ${given.email}` : t("new user"), [
    settled(given), !given && field(t("email"), email), field(t("name"), name), field(t("role"), role, t("role hint")), field(t("status"), status),
    h("p", { class: "hint" }, t("telephones hint"))],
  (once) => (given ? put(`v2/api/users/${encodeURIComponent(given.id)}`, altered(had, asked())) : once("v2/api/users", asked())), { then: () => (toast(t("user saved")), done()) });
  (given ? name : email).focus();
}
