// SPDX-License-Identifier: Apache-2.0
// The toolbar over the lattices, the transport under them, and the keys that do the same.

import { h, icon, segmented, selection } from "player/dom";
import { fieldName } from "player/legend";

export const SPEEDS = [1, 2, 5, 10, 20, 30, 60];

const SLIDING = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown"];
const COLOURS = [["kind", "kind"], ["state", "CAR T state"], ["cd19", "CD19 density"], ["clone", "clone"],
  ["exhaustion", "exhaustion"]];
const KEYS = [
  ["Space", "play or pause"], ["← →", "a frame back or on"], ["Shift ← →", "a day back or on"],
  ["Home  End", "first or last frame"],
  ["+ −", "faster or slower"], ["R", "repeat"], ["L", "follow a run that goes on"], ["1 2 3", "slice, projection, 3-D"],
  ["[ ]", "a layer down or up"], ["C", "next colouring"], ["O", "next cytokine"], ["D", "light or dark"], ["Esc", "close"],
  ["?", "this list"],
];

export class Toolbar {
  constructor(host, store) {
    this.host = host;
    this.store = store;
  }

  show(runs) {
    const { store } = this;
    const places = runs.flatMap((run) => run.places);
    const has = (layer) => places.some((place) => place.layers[layer]);
    const fields = [...new Set(places.flatMap((place) => Object.keys(place.layers))
      .filter((layer) => layer.startsWith("field/")))].map((layer) => layer.slice(6));
    const view = store.get("view") === "density" ? "front" : store.get("view");
    const kinds = runs[0].kinds;
    const through = view === "front"
      ? [label("through", selection("What of the lines of sight",
        [["front", "foremost kind"], ...kinds.map((kind) => [`d${kind.code}`, `density of ${kind.label}`])],
        store.get("view") === "density" ? `d${store.get("density")}` : "front",
        (chosen) => store.set(chosen === "front" ? { view: "front" } : { view: "density", density: Number(chosen.slice(1)) }),
        "through"))] : [];
    const key = JSON.stringify([view, store.get("view"), store.get("density"), store.get("colour"), store.get("overlay"),
      fields, COLOURS.map(([name]) => has(name))]);
    if (key === this.key) return;
    const focused = this.host.contains(document.activeElement)
      ? [document.activeElement.id, document.activeElement.dataset.value] : null;
    this.key = key;
    this.host.replaceChildren(
      segmented("View", [["slice", "Slice", "One layer (1)"], ["front", "Projection", "Through all layers (2)"],
        ["3d", "3-D", "Turn it (3)"]], view,
        (chosen) => store.set({ view: chosen })),
      ...through,
      label("colour by", selection("Colour by",
        COLOURS.map(([name, words]) =>
          [name, has(name) || name === "kind" ? words : `${words} (not recorded)`, name === "kind" || has(name)]),
        store.get("colour"), (colour) => store.set({ colour }), "colour")),
      label("cytokine", selection("Cytokine overlay",
        [["", fields.length ? "none" : "not recorded"], ...fields.map((name) => [name, fieldName(name)])],
        store.get("overlay"), (overlay) => store.set({ overlay }), "overlay")));
    if (focused) (focused[0] ? document.getElementById(focused[0])
      : this.host.querySelector(`[data-value="${focused[1]}"]`))?.focus();
  }
}

const label = (words, control) => h("label", { class: "field" }, h("span", {}, words), control);

export class Transport {
  constructor(host, store, actions) {
    this.store = store;
    const button = (name, words, act) =>
      h("button", { type: "button", class: "icon", "aria-label": words, title: words, onclick: act }, icon(name));
    this.play = h("button", { type: "button", id: "play", class: "icon play", onclick: actions.toggle });
    this.loop = h("button", { type: "button", id: "loop", class: "icon toggle", title: "Repeat (R)",
      "aria-label": "Repeat (R)", onclick: () => store.set({ loop: !store.get("loop") }) }, icon("loop"));
    this.speed = selection("Frames per second", SPEEDS.map((speed) => [String(speed), `${speed} frames/s`]),
      String(store.get("speed")), (speed) => store.set({ speed: Number(speed) }), "speed");
    this.day = h("strong", { id: "day" });
    this.caption = h("span", { class: "caption" });
    this.pace = h("span", { class: "pace" });
    this.timelineHost = h("div", { class: "timeline-host" });
    host.append(
      h("div", { class: "buttons" },
        button("first", "First frame (Home)", actions.first), button("back", "A frame back (←)", () => actions.step(-1)),
        this.play,
        button("on", "A frame on (→)", () => actions.step(1)), button("last", "Last frame (End)", actions.last), this.loop),
      h("div", { class: "clock" }, this.day, this.caption),
      this.timelineHost,
      h("div", { class: "speed" }, this.speed, this.pace));
  }

  update(moments) {
    const playing = this.store.get("playing");
    const words = playing ? "Pause (Space)" : "Play (Space)";
    this.play.replaceChildren(icon(playing ? "pause" : "play"));
    this.play.title = words;
    this.play.setAttribute("aria-label", words);
    this.loop.setAttribute("aria-pressed", String(this.store.get("loop")));
    this.speed.value = String(this.store.get("speed"));
    const { ticks, ticksPerDay } = moments;
    const days = ticks.length > 1 ? (ticks.at(-1) - ticks[0]) / ticksPerDay / (ticks.length - 1) : 0;
    this.pace.textContent = days ? `${Number((days * this.store.get("speed")).toPrecision(2))} days/s` : "";
  }
}

export function shortcuts(dialog) {
  dialog.replaceChildren(
    h("header", {}, h("h2", { id: "shortcuts-title" }, "Keyboard"),
      h("button", { type: "button", class: "icon", "aria-label": "Close", onclick: () => dialog.close() }, icon("close"))),
    h("dl", {}, KEYS.flatMap(([keys, words]) =>
      [h("dt", {}, keys.split("  ").map((key) => h("kbd", {}, key))), h("dd", {}, words)])),
    h("p", {}, "Wheel: zoom. Drag: move, or turn in 3-D. Double click: back to the whole. "
      + "Point at a site for what stands there and its history; click to keep it."));
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
}

export function listen(actions, store, places) {
  const next = (list, now) => list[(list.indexOf(now) + 1) % list.length];
  const layer = (change) => {
    for (const place of places()) {
      const { axis, number } = store.plane(place);
      store.setPlane(place, { number: Math.min(Math.max(number + change, 0), place.shape[axis] - 1) });
    }
  };
  const faster = (change) =>
    store.set({ speed: SPEEDS[Math.min(Math.max(SPEEDS.indexOf(store.get("speed")) + change, 0), SPEEDS.length - 1)] ?? 10 });
  const offered = (id) => [...document.getElementById(id).options].filter((option) => !option.disabled)
    .map((option) => option.value);
  const keys = {
    " ": actions.toggle, ArrowLeft: () => actions.step(-1), ArrowRight: () => actions.step(1), Home: actions.first,
    End: actions.last,
    "+": () => faster(1), "=": () => faster(1), "-": () => faster(-1), "[": () => layer(-1), "]": () => layer(1),
    r: () => store.set({ loop: !store.get("loop") }), l: actions.live, d: actions.theme, "?": actions.help,
    Escape: actions.close,
    1: () => store.set({ view: "slice" }), 2: () => store.set({ view: "front" }), 3: () => store.set({ view: "3d" }),
    c: () => store.set({ colour: next(offered("colour"), store.get("colour")) }),
    o: () => store.set({ overlay: next(offered("overlay"), store.get("overlay")) }),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const target = event.target;
    const typing = target.matches("select") || (target.matches("input:not(.time)") && SLIDING.includes(event.key));
    const pressing = target.matches("button") && [" ", "Enter"].includes(event.key);
    if ((typing && !["Escape", "?"].includes(event.key)) || pressing) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const days = event.shiftKey ? { ArrowLeft: () => actions.day(-1), ArrowRight: () => actions.day(1) } : {};
    const act = days[key] ?? keys[key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
