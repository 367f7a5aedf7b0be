// People: the list, files in and out.
import { post, send } from "./api.js";
import { button, dialog, doing, field, h, show, toast } from "./dom.js";
import { count, exact, when } from "./format.js";
import * as contact from "./contact.js";
import { edit } from "./contact_form.js";
import { pages } from "./pages.js";
import { t } from "./words.js";

const SIZE = 30;
const PEOPLE = "v2/api/crm/people";
const SORTS = ["DATE_DESC", "NAME_ASC", "CREATED_DESC"];

export const named = (one) => [one.name, one.last_name].filter(Boolean).join(" ") || one.numbers?.[0] || t("unknown");

export function open(place, id, me) {
  return id ? contact.open(place, id, me) : openList(place, me);
}

function openList(place, me) {
  const may = me.scopes.includes("ALL") || me.scopes.includes("CRM_WRITE");
  const rows = h("ul", { class: "rows people" });
  const foot = h("div", { class: "row pager" });
  const words = h("input", { type: "search", placeholder: t("search contacts"), "aria-label": t("search contacts") });
  const sort = h("select", { "aria-label": t("sort"), onchange: () => load(1) }, SORTS.map((one) => h("option", { value: one }, t(`sort ${one}`))));
  const form = h("form", { role: "search", class: "row", onsubmit: (event) => (event.preventDefault(), load(1)) }, words, sort, h("button", { type: "submit" }, t("search")));
  const add = () => edit(null, (made) => (location.hash = `#/contacts/${made.id}`));
  show(place,
    h("div", { class: "head" }, h("h1", null, t("contacts")), h("span", { class: "space" }), form),
    h("div", { class: "row actions", role: "group", "aria-label": t("actions") },
      may && doing(t("new contact"), add, { class: "first" }), may && button(t("import"), () => takeIn(() => load())),
      h("a", { class: "button", href: `${PEOPLE}/export`, download: "people.csv" }, `${t("export")} CSV`),
      h("a", { class: "button", href: `${PEOPLE}/export/vcard`, download: "people.vcf" }, `${t("export")} vCard`)),
    rows, foot);

  const asked = (page) => ({ page, size: SIZE, sort: sort.value, search: words.value.trim() || undefined });
  const none = () => (words.value.trim() ? h("p", null, t("no such contact")) : [h("p", null, t("no contacts")), h("p", null, t("no contacts next"))]);
  const load = pages(rows, foot, (page) => post(`${PEOPLE}/search`, asked(page)), row, none);
  load();
}

function row(one) {
  return h("li", null, h("a", { href: `#/contacts/${one.id}`, class: "name" }, named(one)),
    h("span", { class: "hint grow" }, [one.job_title, one.company?.name].filter(Boolean).join(" · ")),
    h("span", { class: "figures" }, one.numbers[0], one.numbers.length > 1 && ` +${one.numbers.length - 1}`),
    h("time", { datetime: one.last_activity_at, title: exact(one.last_activity_at) }, one.last_activity_at ? when(one.last_activity_at) : t("never")));
}

// A file is looked at first: nothing is stored before somebody has seen what would become of it.
function takeIn(done) {
  const file = h("input", { type: "file", accept: ".csv,.vcf,.vcard,text/csv,text/vcard", required: true });
  const report = h("div", { "aria-live": "polite" });
  const fault = h("p", { class: "fault", role: "alert" });
  const go = button(t("import"), () => run(false), { class: "first", disabled: true });

  async function run(dry) {
    fault.textContent = "";
    go.disabled = true;
    const given = file.files[0];
    if (!given) return;
    const cards = /\.vc(f|ard)$/i.test(given.name) || /vcard|directory/.test(given.type);
    try {
      const path = `${PEOPLE}/import${cards ? "/vcard" : ""}?dry_run=${dry}`;
      const { data } = await send("POST", path, given, cards ? "text/vcard" : "text/csv");
      show(report, told(data));
      go.disabled = !dry || data.created + data.updated === 0;
      if (!dry) {
        toast(t("imported"));
        done();
      }
    } catch (error) {
      show(report);
      fault.textContent = error.message;
    }
  }
  file.addEventListener("change", () => run(true));
  const box = dialog(t("import"), h("p", { class: "hint" }, t("import hint")), field(t("file"), file), fault, report,
    h("div", { class: "row end" }, button(t("close"), () => box.close()), go));
}

const SHOWN = 200;

function told(data) {
  const counts = ["created", "updated", "unchanged", "faulty"].map((name) => h("li", null, h("span", null, t(`rows ${name}`)), h("strong", null, count(data[name]))));
  const order = { faulty: 0, created: 1, updated: 2, unchanged: 3 };
  const rows = [...data.rows].sort((a, b) => order[a.outcome] - order[b.outcome] || a.line - b.line);
  const kinds = { faulty: "failed", created: "succeeded", updated: "succeeded", unchanged: "pending" };
  return [
    h("p", { class: data.dry_run ? "hint" : null }, t(data.dry_run ? "dry run" : "was stored")),
    h("ul", { class: "tiles" }, counts),
    h("div", { class: "scroll report", tabindex: "0", role: "region", "aria-label": t("report") }, h("table", null, h("tbody", null, rows.slice(0, SHOWN).map((one) =>
      h("tr", null, h("th", { scope: "row" }, `${t("line of file")} ${one.line}`), h("td", null, h("span", { class: `state ${kinds[one.outcome]}` }, t(`rows ${one.outcome}`))),
        h("td", null, one.faults.map((fault) => [fault.field, fault.message].filter(Boolean).join(": ")).join(" "), one.ignored?.length > 0 && h("span", { class: "hint" }, ` ${t("ignored")}: ${one.ignored.join(", ")}`))))))),
    rows.length > SHOWN && h("p", { class: "hint" }, `+ ${count(rows.length - SHOWN)}`),
  ];
}
