// SPDX-License-Identifier: Apache-2.0
// The head of the page: which run is shown, whether it goes on, and how much of it a page holds.

import { h, icon } from "player/dom";
import { dayNumber } from "player/words";

const element = (id) => document.getElementById(id);

export function showHeading(runs, source) {
  const compared = runs.length > 1;
  const [run] = runs;
  const [first, last] = [run.first, run.last].map((tick) => dayNumber(tick / run.ticksPerDay).replace(/\.0$/, ""));
  const held = source.follows ? "" : ` · ${heldWords(runs)}`;
  element("run-name").replaceChildren(...(compared
    ? runs.flatMap((one, at) => [h("span", { class: "run-key" }, "AB"[at]), one.label]) : [run.name]));
  element("run-about").textContent = compared ? [...new Set(runs.map((one) => one.name))].join(" · ") + held
    : `${run.file} · seed ${run.seed ?? "–"} · day ${first} to ${last}${held}`;
  document.title = `${runs.map((one) => one.label).join(" and ")} – abm player`;
}

export function showStanding(runs, source) {
  const words = [...new Set(runs.map((run) => run.status))].join(" / ");
  const chip = element("status");
  chip.textContent = source.follows ? words : "";
  chip.dataset.status = runs.some((run) => run.status === "running") ? "running" : words;
  chip.title = runs.map((run) => run.reason).filter(Boolean).join("; ");
}

// What is wrong, as long as it is; a notice stays until it is dismissed.
export function showBanner(words, notice, dismiss) {
  const banner = element("banner");
  banner.hidden = !words && !notice;
  banner.replaceChildren(...[words, notice].filter(Boolean).map((each) => h("span", {}, each)));
  if (notice) banner.append(h("button", { type: "button", class: "icon close", "aria-label": "Dismiss", title: "Dismiss",
    onclick: dismiss }, icon("close")));
}

// Of the views of a run those that a page holds; of several places that with the fewest.
function heldWords(runs) {
  const shares = runs.flatMap((run) => run.places).filter((place) => place.layers.codes)
    .map((place) => [place.layers.codes.length, place.recorded.codes]);
  if (!shares.length) return "no views";
  const [here, all] = shares.reduce((one, other) => (one[0] * other[1] <= other[0] * one[1] ? one : other));
  return here === all ? `all ${all} views` : `${here} of ${all} views`;
}
