// API keys: who may do what here. A new key is on the page only while its dialog is open.
import { get, post, remove } from "./api.js";
import { button, field, h, show, toast } from "./dom.js";
import { confirm, form, reveal } from "./form.js";
import { exact, when } from "./format.js";
import { t } from "./words.js";

const PATH = "v2/api/keys";
// What is offered first; every other scope can be written into the field.
const USUAL = ["WEBHOOKS_READ_WRITE", "EVENTS_WRITE", "CONVERSATIONS_READ", "CONVERSATIONS_WRITE", "CONTACTS_READ", "CONTACTS_READ_WRITE", "CRM_READ", "CRM_WRITE", "TAGS_READ", "TAGS_WRITE", "PHONE_NUMBERS_READ", "PHONE_NUMBERS_WRITE", "USERS_READ", "USERS_WRITE", "SMS_SEND", "KEYS_READ_WRITE", "SYSTEM_READ"];

export function open(place, _, me) {
  const list = h("ul", { class: "rows" });
  const add = () => make(me, load);
  show(place, h("div", { class: "head" }, h("h1", null, t("api keys")), h("span", { class: "space" }), button(t("new key"), add, { class: "first" })), h("p", { class: "hint" }, t("keys hint")), list);

  async function load() {
    try {
      const { data } = await get(PATH);
      const order = [...data].sort((a, b) => Boolean(a.revoked_at) - Boolean(b.revoked_at));
      show(list, order.length ? order.map(row) : h("li", { class: "empty" }, h("p", null, t("no keys")), button(t("new key"), add, { class: "first" })));
    } catch (error) {
      show(list, h("li", { class: "fault" }, error.message));
    }
  }

  function row(one) {
    const own = one.id === me.api_key_id;
    return h("li", { class: one.revoked_at ? "past" : null, "data-id": one.id },
      h("div", { class: "grow" }, h("strong", null, one.name || one.id), " ", own && h("span", { class: "state succeeded" }, t("this session")),
        h("p", { class: "chips" }, one.scopes.map((scope) => h("span", { class: "topic" }, scope))),
        h("p", { class: "hint" }, h("code", null, one.id), ` · ${t("made")} `, h("time", { datetime: one.created_at, title: exact(one.created_at) }, when(one.created_at)))),
      one.revoked_at
        ? h("span", { class: "state failed", title: exact(one.revoked_at) }, t("revoked"))
        : button(t("revoke"), () => drop(one, own), { class: "danger", "aria-label": `${t("revoke")}: ${one.name || one.id}` }));
  }

  function drop(one, own) {
    confirm(t("revoke"), `${one.name || one.id}: ${t(own ? "revoke own hint" : "revoke hint")}`, async () => {
      await remove(`${PATH}/${encodeURIComponent(one.id)}`);
      toast(t("revoked"));
      load();
    });
  }

  load();
}

function make(me, done) {
  const all = me.scopes.includes("ALL");
  const usual = USUAL.filter((scope) => all || me.scopes.includes(scope));
  const name = h("input", { maxlength: 200, required: true, placeholder: "CRM" });
  const boxes = usual.map((scope) => h("input", { type: "checkbox", name: scope }));
  const whole = all && h("input", { type: "checkbox", name: "ALL", onchange: (event) => boxes.forEach((box) => (box.disabled = event.target.checked)) });
  const others = h("input", { spellcheck: "false", placeholder: "NOTES_READ, THREADS_READ" });
  const check = (input, label) => h("label", { class: "check" }, input, h("span", null, label));

  // Sent without a key of idempotency: an answer with a secret is kept nowhere. What was made for an answer that was
  // lost stands in the list, and can be revoked.
  const act = async () => {
    const chosen = whole && whole.checked ? ["ALL"] : [...boxes.filter((box) => box.checked).map((box) => box.name), ...others.value.split(/[\s,]+/).filter(Boolean)];
    if (!chosen.length) throw new Error(t("choose a scope"));
    return (await post(PATH, { name: name.value.trim(), scopes: chosen })).data.key;
  };
  form(t("new key"), [
    field(t("name"), name),
    h("fieldset", null, h("legend", null, t("scopes")), whole && check(whole, t("scope all")), usual.map((scope, index) => check(boxes[index], scope))),
    field(t("other scopes"), others, t("scopes hint"))], act, { label: t("create"), then: (key) => {
    done();
    reveal(t("new key"), h("p", { class: "warning" }, t("key once")), t("api key"), key);
  } });
  name.focus();
}
