// Making and changing an endpoint; showing its secret.
import { get, post, put } from "./api.js";
import { button, dialog, field, h, show, toast } from "./dom.js";
import { t } from "./words.js";

const LISTS = ["event_types", "further_event_types", "operational_event_types"];

export async function topicsOf() {
  const lists = await Promise.all(LISTS.map((one) => get(`v2/api/webhooks/${one}`)));
  return lists.map((one) => one.data);
}

export async function edit(given, done) {
  const groups = await topicsOf().catch((error) => (toast(error.message, "bad"), null));
  if (!groups) return;
  const had = given ?? { url: "", topics: groups[0].map((one) => one.name), description: "" };
  const fault = h("p", { class: "fault", role: "alert" });
  const address = h("input", { type: "url", required: true, maxlength: 2048, value: had.url, placeholder: "https://example.com/hook", spellcheck: "false" });
  const description = h("input", { maxlength: 1000, value: had.description ?? "" });
  const boxes = groups.flat().map((one) => h("input", { type: "checkbox", name: one.name, checked: had.topics.includes(one.name) }));
  const headers = h("textarea", { rows: 3, spellcheck: "false", placeholder: "X-Team: front desk" }, Object.entries(had.headers ?? {}).map(([name, value]) => `${name}: ${value}`).join("\n"));
  const number = (name, attributes) => h("input", { type: "number", value: had[name] ?? "", ...attributes });
  const rate = number("rate_limit", { min: 0.1, max: 10000, step: "any" });
  const flight = number("max_in_flight", { min: 1, max: 64 });
  const timeout = number("timeout_seconds", { min: 1, max: 30, step: "any" });
  const ordered = h("input", { type: "checkbox", checked: had.ordered });
  const additive = h("input", { type: "checkbox", checked: had.additive_fields });
  const signature = h("select", null, ["v1", "v1a"].map((one) => h("option", { value: one, selected: (had.signature ?? "v1") === one }, t(`signature ${one}`))));
  const check = (input, label) => h("label", { class: "check" }, input, h("span", null, label));
  let index = 0;
  const choices = groups.map((group, place) => h("fieldset", null, h("legend", null, t(LISTS[place])), group.map((one) => check(boxes[index++], h("span", { title: one.description }, one.name)))));

  const submit = async (event) => {
    event.preventDefault();
    const asked = {
      url: address.value.trim(),
      description: description.value.trim() || null,
      topics: boxes.filter((one) => one.checked).map((one) => one.name),
      headers: Object.fromEntries(headers.value.split("\n").map((line) => line.split(/:(.*)/s)).filter(([name]) => name.trim()).map(([name, value]) => [name.trim(), (value ?? "").trim()])),
      rate_limit: rate.value === "" ? null : Number(rate.value),
      max_in_flight: flight.value === "" ? null : Number(flight.value),
      timeout_seconds: timeout.value === "" ? null : Number(timeout.value),
      ordered: ordered.checked,
      additive_fields: additive.checked,
      signature: signature.value,
    };
    try {
      const made = (given ? await put(`v2/api/webhooks/${given.id}`, asked) : await post("v2/api/webhooks", asked)).data;
      box.close();
      toast(t("saved"));
      // The view of the new one closes what is open when it comes.
      if (!given) window.addEventListener("hashchange", () => showSecret(made), { once: true });
      done(made);
    } catch (error) {
      fault.textContent = error.message;
      fault.scrollIntoView({ block: "nearest" });
    }
  };
  const form = h("form", { onsubmit: submit, novalidate: false },
    field("URL", address), field(t("description"), description), choices,
    h("details", null, h("summary", null, t("options")),
      field(t("headers"), headers, t("headers hint")), field(t("signature"), signature),
      h("div", { class: "columns" }, field(t("rate limit"), rate), field(t("in flight"), flight), field(t("timeout"), timeout)),
      check(ordered, t("ordered")), check(additive, t("additive"))),
    fault,
    h("div", { class: "row end" }, button(t("cancel"), () => box.close()), h("button", { type: "submit", class: "first" }, t("save"))));
  const box = dialog(given ? t("edit webhook") : t("new webhook"), form);
  address.focus();
}

// The secret is on the page only while this is open.
export function showSecret(webhook) {
  const text = webhook.signing_secret ?? webhook.public_key ?? "";
  const input = h("input", { readonly: true, value: text, class: "secret", onfocus: (event) => event.target.select() });
  const copy = button(t("copy"), async () => {
    input.select();
    await navigator.clipboard?.writeText(text).then(() => toast(t("copied")), () => {});
  });
  const box = dialog(t("secret"), h("p", null, t("secret hint")), field(webhook.signing_secret ? t("signing secret") : t("public key"), input), h("div", { class: "row end" }, copy, button(t("close"), () => box.close(), { class: "first" })));
}

export function confirm(title, text, act, ...inputs) {
  const fault = h("p", { class: "fault", role: "alert" });
  const submit = async (event) => {
    event.preventDefault();
    try {
      await act();
      box.close();
    } catch (error) {
      show(fault, error.message);
    }
  };
  const box = dialog(title, h("form", { onsubmit: submit }, text && h("p", null, text), inputs, fault, h("div", { class: "row end" }, button(t("cancel"), () => box.close()), h("button", { type: "submit", class: "first" }, title))));
  return box;
}
