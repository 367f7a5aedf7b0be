// Making and changing an endpoint; showing its secret.
import { get, put } from "./api.js";
import { field, h, toast } from "./dom.js";
import { altered, form, reveal } from "./form.js";
import { t } from "./words.js";

const LISTS = ["event_types", "further_event_types", "operational_event_types"];
const FIRST_VERSION = ["CALL_RECEIVED", "SMS_RECEIVED", "SMS_SENT", "CONTACT_CREATED", "CONTACT_UPDATED", "PING"];

// Whether an endpoint was made by the first version of the API: it has a number, other topics, and no key.
export const ofFirstVersion = (one) => Boolean(one?.allo_number);

// The topics an endpoint can name, list by list.
export async function topicsOf(endpoint) {
  if (ofFirstVersion(endpoint)) return [FIRST_VERSION.map((name) => ({ name, description: null }))];
  const lists = await Promise.all(LISTS.map((one) => get(`v2/api/webhooks/${one}`)));
  return lists.map((one) => one.data);
}

export async function edit(given, done) {
  const groups = await topicsOf(given);
  const first = ofFirstVersion(given);
  const kept = given ?? { url: "", topics: groups[0].map((one) => one.name), description: "" };
  const address = h("input", { type: "url", required: true, maxlength: 2048, value: kept.url, placeholder: "https://example.com/hook", spellcheck: "false" });
  const description = h("input", { maxlength: 1000, value: kept.description ?? "" });
  const boxes = groups.flat().map((one) => h("input", { type: "checkbox", name: one.name, checked: kept.topics.includes(one.name) }));
  const headers = h("textarea", { rows: 3, spellcheck: "false", placeholder: "X-Team: front desk" }, Object.entries(kept.headers ?? {}).map(([name, value]) => `${name}: ${value}`).join("\n"));
  const number = (name, attributes) => h("input", { type: "number", value: kept[name] ?? "", ...attributes });
  const rate = number("rate_limit", { min: 0.1, max: 10000, step: "any" });
  const flight = number("max_in_flight", { min: 1, max: 64 });
  const timeout = number("timeout_seconds", { min: 1, max: 30, step: "any" });
  const ordered = h("input", { type: "checkbox", checked: kept.ordered });
  const additive = h("input", { type: "checkbox", checked: kept.additive_fields });
  const signature = h("select", null, ["v1", "v1a"].map((one) => h("option", { value: one, selected: (kept.signature ?? "v1") === one }, t(`signature ${one}`))));
  const check = (input, label) => h("label", { class: "check" }, input, h("span", null, label));
  let index = 0;
  const choices = groups.map((group, place) => h("fieldset", null, h("legend", null, t(LISTS[place])), group.map((one) => check(boxes[index++], h("span", { title: one.description }, one.name)))));

  const asked = () => ({
    url: address.value.trim(),
    description: description.value.trim() || null,
    topics: boxes.filter((one) => one.checked).map((one) => one.name),
    headers: Object.fromEntries(headers.value.split("\n").map((line) => line.split(/:(.*)/s)).filter(([name]) => name.trim()).map(([name, value]) => [name.trim(), (value ?? "").trim()])),
    rate_limit: rate.value === "" ? null : Number(rate.value),
    max_in_flight: flight.value === "" ? null : Number(flight.value),
    timeout_seconds: timeout.value === "" ? null : Number(timeout.value),
    ordered: ordered.checked,
    ...(first ? {} : { additive_fields: additive.checked, signature: signature.value }),
  });
  const had = asked();
  const act = async (post) => (given ? await put(`v2/api/webhooks/${given.id}`, altered(had, asked())) : await post("v2/api/webhooks", asked())).data;
  const then = (made) => {
    toast(t("saved"));
    // The view of the new one closes what is open when it comes.
    if (!given) window.addEventListener("hashchange", () => showSecret(made), { once: true });
    done(made);
  };
  form(given ? t("edit webhook") : t("new webhook"), [
    field("URL", address), field(t("description"), description), choices,
    h("details", null, h("summary", null, t("options")),
      field(t("headers"), headers, t("headers hint")), !first && field(t("signature"), signature),
      h("div", { class: "columns" }, field(t("rate limit"), rate), field(t("in flight"), flight), field(t("timeout"), timeout)),
      check(ordered, t("ordered")), !first && check(additive, t("additive")))], act, { then });
  address.focus();
}

export function showSecret(webhook) {
  reveal(t("secret"), h("p", null, t("secret hint")), webhook.signing_secret ? t("signing secret") : t("public key"), webhook.signing_secret ?? webhook.public_key ?? "");
}
