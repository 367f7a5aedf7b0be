// One person: what is known of them, and everything that was said with them.
import { get, post } from "./api.js";
import { button, doing, field, h, show, toast } from "./dom.js";
import { exact, length, money, result, when } from "./format.js";
import { edit } from "./contact_form.js";
import { named } from "./contacts.js";
import { filesOf } from "./files.js";
import { confirm } from "./form.js";
import { t } from "./words.js";

const NUMBERS = 5; // of one person that are asked for what was said
const ITEMS = 50;
const DEALS = 100; // the newest, of which those with the company are shown

export function open(place, id, me) {
  const may = (scope) => me.scopes.includes("ALL") || me.scopes.includes(scope);
  const path = `v2/api/crm/people/${encodeURIComponent(id)}`;
  const body = h("div");
  show(place, h("p", null, h("a", { href: "#/contacts" }, `← ${t("contacts")}`)), body);

  async function load() {
    try {
      const [{ data: one }, { data: defined }] = await Promise.all([get(path), get("v2/api/crm/properties")]);
      const talk = h("ol", { class: "talk" });
      const deals = h("div");
      show(body, whole(one, defined, talk, deals));
      if (may("CONVERSATIONS_READ")) fillTalk(talk, one.numbers);
      else show(talk, h("li", { class: "hint" }, t("not allowed")));
      if (one.company) fillDeals(deals, one.company);
    } catch (error) {
      show(body, h("p", { class: "fault" }, error.message));
    }
  }

  function whole(one, defined, talk, deals) {
    const labels = Object.fromEntries(defined.map((property) => [property.key, property.label]));
    const facts = [
      ...one.numbers.map((number) => [t("number"), number]),
      ...one.emails.map((email) => [t("email"), email]),
      [t("company"), one.company?.name],
      [t("job title"), one.job_title],
      [t("website"), one.website],
      [t("address"), one.address],
      ...Object.entries(one.custom_properties).map(([key, value]) => [labels[key] ?? key, typeof value === "object" ? JSON.stringify(value) : String(value)]),
      [t("interactions"), String(one.interactions)],
      [t("last activity"), one.last_activity_at && exact(`${one.last_activity_at}Z`.replace("ZZ", "Z"))],
    ].filter(([, value]) => value !== null && value !== undefined && value !== "");
    return [
      h("div", { class: "head" }, h("h1", null, named(one)), h("span", { class: "space" }),
        may("CRM_WRITE") && [doing(t("edit"), () => edit(one, load), { class: "first" }), button(t("merge"), () => merge(one))]),
      h("div", { class: "columns two" },
        h("section", null, h("h2", null, t("conversation")), talk),
        h("section", null, h("h2", null, t("facts")), h("dl", { class: "facts" }, facts.map(([name, value]) => [h("dt", null, name), h("dd", null, value)])), deals)),
    ];
  }

  function merge(one) {
    let chosen = null;
    const words = h("input", { type: "search", oninput: () => (clearTimeout(timer), (timer = setTimeout(look, 250))) });
    const list = h("ul", { class: "rows picks" });
    let timer = null;
    async function look() {
      chosen = null;
      if (!words.value.trim()) return show(list);
      try {
        const found = (await post("v2/api/crm/people/search", { search: words.value.trim(), size: 6 })).data.filter((other) => other.id !== one.id);
        show(list, found.length ? found.map(pick) : h("li", { class: "hint" }, t("no such contact")));
      } catch (error) {
        show(list, h("li", { class: "fault" }, error.message));
      }
    }
    function pick(other) {
      const radio = h("input", { type: "radio", name: "other", onchange: () => (chosen = other.id) });
      return h("li", null, h("label", { class: "check grow" }, radio, h("span", null, `${named(other)} · ${other.numbers.join(", ")}`)));
    }
    confirm(t("merge"), t("merge hint"), async (once) => {
      if (!chosen) throw new Error(t("choose a contact"));
      await once(`${path}/merge`, { person_id: chosen });
      toast(t("merged"));
      load();
    }, field(t("search contacts"), words), list);
  }

  load();
}

async function fillTalk(place, numbers) {
  try {
    const asked = numbers.slice(0, NUMBERS).map((number) => post("v2/api/conversations/items/search", { contact_number: number, size: ITEMS }));
    const items = (await Promise.all(asked)).flatMap((found) => found.data).sort((a, b) => (a.date < b.date ? 1 : -1)).slice(0, ITEMS);
    show(place, items.length ? items.map(item) : h("li", { class: "empty" }, t("no conversation")));
  } catch (error) {
    show(place, h("li", { class: "fault" }, error.message));
  }
}

function item(one) {
  const ours = one.direction === "OUTBOUND";
  const time = h("time", { datetime: one.date, title: exact(one.date) }, when(one.date));
  if (one.type === "CALL") {
    return h("li", { class: ours ? "ours" : "theirs" }, h("a", { href: `#/calls/${one.id}`, class: "bubble" },
      h("strong", null, `${ours ? "↗" : "↙"} ${result(one.result)}`), h("span", null, ` · ${length(one.duration)} · `), time, one.summary && h("p", null, one.summary)));
  }
  return h("li", { class: ours ? "ours" : "theirs" }, h("div", { class: "bubble" }, h("p", null, one.content ?? t("expunged")), filesOf(one), h("p", { class: "hint" }, time, one.status && ` · ${one.status.toLowerCase()}`)));
}

async function fillDeals(place, company) {
  const found = (await post("v2/api/crm/deals/search", { size: DEALS }).catch(() => ({ data: [] }))).data.filter((one) => one.company?.id === company.id);
  if (!found.length) return;
  const amount = (one) => (one.amount === null ? "" : money(one.amount, one.currency));
  show(place, h("h2", null, t("deals")), h("ul", { class: "rows" }, found.map((one) => h("li", null, h("strong", { class: "grow" }, one.name), h("span", null, amount(one)), one.status && h("span", { class: "tag" }, one.status)))));
}
