// The files that came with a text: pictures small, sound and film to be played, the rest to be saved.
import { ownFile } from "./api.js";
import { h, show } from "./dom.js";
import { bytes } from "./format.js";
import { t } from "./words.js";

const PICTURES = ["image/jpeg", "image/png", "image/gif", "image/webp"]; // others can hold what runs

export function filesOf(item) {
  if (!item.files?.length) return null;
  return h("ul", { class: "files", "aria-label": t("files") }, item.files.map((one) => h("li", null, drawn(one))));
}

function drawn(one) {
  const place = ownFile(one.url);
  const kind = one.content_type.split(";")[0].trim().toLowerCase();
  const said = [kind || t("file"), one.size !== null && bytes(one.size)].filter(Boolean).join(" · ");
  if (!place) return h("span", { class: "hint" }, `${said} · ${t(one.url ? "file elsewhere" : "file coming")}`);
  if (PICTURES.includes(kind)) return picture(place, said);
  if (kind.startsWith("audio/")) return h("figure", null, h("audio", { src: place, controls: true, preload: "none", "aria-label": t("sound file") }), h("figcaption", { class: "hint" }, said));
  if (kind.startsWith("video/")) return h("figure", null, h("video", { src: place, controls: true, preload: "metadata", "aria-label": t("film file") }), h("figcaption", { class: "hint" }, said));
  return saved(place, said);
}

function picture(place, said) {
  const whole = h("a", { href: place, target: "_blank", rel: "noopener noreferrer", title: said });
  // What does not come, or is no picture after all, can still be asked for.
  const image = h("img", { src: place, alt: `${t("picture")}, ${said}`, loading: "lazy", onerror: () => show(whole, `${t("picture failed")} (${said})`) });
  whole.append(image);
  return whole;
}

const saved = (place, said) => h("a", { class: "button", href: place, download: "" }, `${t("download")} ${said}`);
