// Making and changing a person.
import { get, post, put } from "./api.js";
import { field, h, toast } from "./dom.js";
import { altered, form } from "./form.js";
import { t } from "./words.js";

const PLAIN = ["name", "last_name", "job_title", "website", "address"];
const LABELS = { name: "first name", last_name: "last name", job_title: "job title", website: "website", address: "address" };
const LONGEST = { website: 2048, address: 2048 }; // characters; others 500
const lines = (input) => input.value.split(/[\n,;]+/).map((one) => one.trim()).filter(Boolean);

export async function edit(given, done) {
  const [{ data: defined }, { data: companies }] = await Promise.all([get("v2/api/crm/properties"), post("v2/api/crm/companies/search", { size: 100, sort: "NAME_ASC" })]);
  const plain = Object.fromEntries(PLAIN.map((name) => [name, written(given?.[name], { maxlength: LONGEST[name] ?? 500 })]));
  const numbers = h("textarea", { rows: 2, required: !given || given.numbers.length > 0, spellcheck: "false", placeholder: "+33 6 12 34 56 78" }, (given?.numbers ?? []).join("\n"));
  const emails = h("textarea", { rows: 2, spellcheck: "false" }, (given?.emails ?? []).join("\n"));
  const company = h("input", { list: "companies", value: given?.company?.name ?? "", maxlength: 500, autocomplete: "off" });
  const properties = defined.map((one) => [one, input(one, given?.custom_properties[one.key])]);

  // The id of what is written in the company's field; somebody new is made.
  async function companyId(once) {
    const name = company.value.trim();
    if (!name) return null;
    if (name === given?.company?.name) return given.company.id;
    const known = companies.find((one) => one.name.toLowerCase() === name.toLowerCase());
    return known?.id ?? (await once("v2/api/crm/companies", { name })).data.id;
  }

  const said = () => ({ ...Object.fromEntries(PLAIN.map((name) => [name, plain[name].value.trim() || null])), numbers: lines(numbers), emails: lines(emails), company: company.value.trim() });
  const owned = () => Object.fromEntries(properties.map(([one, field_]) => [one.key, read(one, field_)]));
  const before = said();
  const ownedBefore = owned();
  const act = async (once) => {
    const { company: named, ...asked } = given ? altered(before, said()) : said();
    if (named !== undefined) asked.company_id = await companyId(once);
    const own = given ? altered(ownedBefore, owned()) : Object.fromEntries(Object.entries(owned()).filter(([, value]) => value !== null));
    if (Object.keys(own).length) asked.custom_properties = own;
    return (given ? await put(`v2/api/crm/people/${encodeURIComponent(given.id)}`, asked) : await once("v2/api/crm/people", asked)).data;
  };
  form(t(given ? "edit contact" : "new contact"), [
    h("div", { class: "columns" }, field(t("first name"), plain.name), field(t("last name"), plain.last_name)),
    field(t("numbers"), numbers, t("one on a line")), field(t("emails"), emails, t("one on a line")),
    h("div", { class: "columns" }, field(t("company"), company), field(t("job title"), plain.job_title)),
    h("datalist", { id: "companies" }, companies.map((one) => h("option", { value: one.name }))),
    ["website", "address"].map((name) => field(t(LABELS[name]), plain[name])),
    properties.map(([one, made]) => field(one.label, made))], act, { then: (made) => (toast(t("saved")), done(made)) });
  plain.name.focus();
}

// A field for a text; one that has lines keeps them.
function written(value, attributes) {
  return (value ?? "").includes("\n") ? h("textarea", { rows: 3, ...attributes }, value) : h("input", { value: value ?? "", ...attributes });
}

function input(one, value) {
  const none = h("option", { value: "" }, "–");
  if (one.type === "choice") return h("select", null, none, one.choices.map((choice) => h("option", { value: choice, selected: choice === value }, choice)));
  if (one.type === "boolean") return h("select", null, none, [true, false].map((yes) => h("option", { value: String(yes), selected: value === yes }, t(yes ? "on" : "off"))));
  if (one.type === "text") return written(value);
  const type = { number: "number", date: "date", url: "url" }[one.type] ?? "text";
  return h("input", { type, value: value ?? "", step: type === "number" ? "any" : null });
}

function read(one, made) {
  const text = made.value.trim();
  if (text === "") return null;
  if (one.type === "number") return Number(text);
  return one.type === "boolean" ? text === "true" : text;
}
