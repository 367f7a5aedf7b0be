// Going anywhere by a few letters: views, people, calls, webhooks, and what can be made.
import { get, post } from "./api.js";
import { dialog, h, show } from "./dom.js";
import { when } from "./format.js";
import { icon } from "./icons.js";
import { t } from "./words.js";

const SOON = 180; // ms after the last letter
const MOST = 5; // of each kind

const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
const go = (place) => () => (location.hash = `#/${place}`);

export function find(views, me, acts) {
  const may = (scope) => me.scopes.includes("ALL") || me.scopes.includes(scope);
  const input = h("input", { type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": "found", "aria-autocomplete": "list", "aria-label": t("find"), placeholder: t("find hint"), spellcheck: "false", autocomplete: "off" });
  const list = h("ul", { id: "found", role: "listbox", "aria-label": t("find") });
  const none = h("p", { class: "hint", hidden: true, role: "status" }, t("nothing found"));
  const box = dialog(t("find"), input, list, none);
  box.classList.add("finder");
  let rows = [];
  let at = 0;
  let round = 0;
  let timer = null;

  const fixed = [
    ...views.map((one) => ({ kind: one.name, text: t(one.name), side: one.key, act: go(one.name) })),
    ...Object.entries(acts).map(([name, act]) => ({ kind: { "switch theme": "theme", "switch language": "language" }[name] ?? "help", text: t(name), act })),
  ];

  // What the server knows; a kind that cannot be asked for is left out.
  async function ask(words) {
    const kinds = [
      may("CRM_READ") && post("v2/api/crm/people/search", { search: words, size: MOST }).then(({ data }) => data.map((one) => ({
        kind: "contacts", text: [one.name, one.last_name].filter(Boolean).join(" ") || one.numbers[0], side: one.company?.name ?? one.numbers[0], act: go(`contacts/${one.id}`) }))),
      may("WEBHOOKS_READ_WRITE") && get("v2/api/webhooks").then(({ data }) => data.filter((one) => plain(`${one.description ?? ""} ${one.url}`).includes(plain(words))).slice(0, MOST).map((one) => ({
        kind: "webhooks", text: one.description || one.url, side: t("webhook"), act: go(`webhooks/${one.id}`) }))),
      may("CONVERSATIONS_READ") && post("v2/api/conversations/items/search", { type: "CALL", search: words, size: MOST, page: 1 }).then(({ data }) => data.map((one) => ({
        kind: "calls", text: [one.contacts.map((who) => who.name).filter(Boolean).join(", ") || one.contact_number, one.summary].filter(Boolean).join(" · "), side: when(one.date), act: go(`calls/${one.id}`) }))),
    ];
    return (await Promise.all(kinds.map((one) => one && one.catch(() => [])))).flatMap((one) => one || []);
  }

  function draw(found) {
    rows = found;
    at = 0;
    none.hidden = found.length > 0;
    show(list, found.map((one, index) => h("li", { role: "option", id: `found-${index}`, onclick: () => choose(index), onpointermove: () => index !== at && mark(index) },
      icon(one.kind), h("span", null, one.text), one.side && h("small", null, one.side))));
    mark(0);
  }

  function mark(index) {
    at = rows.length ? (index + rows.length) % rows.length : 0;
    [...list.children].forEach((one, place) => one.setAttribute("aria-selected", String(place === at)));
    if (!rows.length) return input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-activedescendant", `found-${at}`);
    list.children[at].scrollIntoView({ block: "nearest" });
  }

  function choose(index) {
    const one = rows[index];
    if (!one) return;
    box.close();
    one.act();
  }

  function typed() {
    const words = input.value.trim();
    const here = fixed.filter((one) => plain(one.text).includes(plain(words)));
    draw(here);
    clearTimeout(timer);
    const mine = ++round;
    if (words.length < 2) return;
    timer = setTimeout(async () => {
      const more = await ask(words);
      if (mine === round && box.open) draw([...here, ...more]);
    }, SOON);
  }

  input.addEventListener("input", typed);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") mark(at + 1);
    else if (event.key === "ArrowUp") mark(at - 1);
    else if (event.key === "Enter") choose(at);
    else return;
    event.preventDefault();
  });
  box.addEventListener("close", () => clearTimeout(timer));
  typed();
  input.focus();
}
