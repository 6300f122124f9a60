// SPDX-License-Identifier: Apache-2.0
// A pane: one place of one run, as a slice, a projection or a volume, with its own plane, and words on what is shown.

import { h, later, segmented } from "player/dom";
import { LatticeView } from "player/lattice_view";
import { VolumeView } from "player/volume_view";
import { count, dayWords, lengthWords } from "player/words";

const AXES = ["x", "y", "z"];
const OPACITY = { background: 0, car_t: 1, blast_cd19_negative: 0.95, blast: 0.42, pro_b: 0.3, macrophage: 0.25, host_t: 0.3 };
const TISSUE_OPACITY = 0.05;

export class Pane {
  constructor({ run, place, store, frames, camera, inspect, turned }) {
    Object.assign(this, { run, place, store, frames });
    this.flat = new LatticeView({
      point: later(90, (site) => inspect.point(this, this.toSite(site))),
      pick: (site) => inspect.pick(this, this.toSite(site)),
    });
    this.deep = null;
    this.makeDeep = () => new VolumeView(camera, turned);
    this.title = h("h2", {});
    this.about = h("span", { class: "pane-about" });
    this.axis = h("div", { class: "pane-axis" });
    this.slider = h("input", {
      type: "range", min: 0, step: 1, class: "plane", "aria-label": `Layer of the ${place.title}`,
      oninput: () => store.setPlane(this.place, { number: Number(this.slider.value) }),
    });
    this.plane = h("output", { class: "plane-words" });
    this.room = h("div", { class: "pane-room" });
    this.note = h("p", { class: "pane-note" });
    this.empty = h("p", { class: "pane-empty", hidden: true });
    this.element = h("article", { class: "pane", "aria-label": place.title, "data-place": place.name, "data-run": run.index },
      h("header", {}, this.title, this.about),
      this.room,
      h("div", { class: "pane-controls" }, this.axis, this.slider, this.plane),
      this.note);
    this.room.append(this.flat.canvas, this.empty);
  }

  update(run, place) {
    this.run = run;
    this.place = place;
  }

  get cut() {
    const { axis, number } = this.store.plane(this.place);
    const view = this.store.get("view");
    if (view === "slice") return { what: "plane", axis, number };
    if (view === "density") return { what: "density", axis, number: this.store.get("density") ?? 0 };
    if (view === "3d") return { what: "reduced" };
    const hidden = this.store.get("hidden").reduce((mask, kind) => mask | (1 << kind), 0) >>> 0;
    return { what: "front", axis, number: hidden };
  }

  get colour() {
    const chosen = this.store.get("colour");
    return chosen !== "kind" && this.place.layers[chosen] ? chosen : "kind";
  }

  // What a density shows is a kind, and what a hidden kind hides is a code: both are of the layer of codes.
  layersWanted() {
    const wanted = [];
    if (this.place.hasViews) wanted.push(["codes", this.cut]);
    if (this.store.get("view") === "density") return wanted;
    if (this.colour !== "kind") wanted.push([this.colour, this.cut.what === "front" ? { ...this.cut, number: 0 } : this.cut]);
    const overlay = `field/${this.store.get("overlay")}`;
    if (this.store.get("overlay") && this.place.layers[overlay] && this.store.get("view") !== "3d") {
      wanted.push([overlay, this.cut.what === "front" ? { ...this.cut, number: 0 } : this.cut]);
    }
    return wanted;
  }

  async fetch(tick, signal) {
    const wanted = this.layersWanted();
    const found = await Promise.all(wanted
      .map(([layer, cut]) => this.frames.get(this.run, this.place, layer, tick, cut, signal)));
    return new Map(wanted.map(([layer], at) => [layer, found[at]]).filter(([, frame]) => frame));
  }

  show(shown, palette, tick) {
    this.shown = shown;
    this.tick = tick;
    const codes = shown.get("codes");
    const cells = shown.get(this.colour);
    const some = codes ?? cells;
    this.describe(some, cells, shown);
    this.room.classList.toggle("is-empty", !some);
    this.element.classList.toggle("ended", this.ended);
    if (!some) {
      delete this.element.dataset.tick;
      return;
    }
    this.element.dataset.tick = codes?.head.tick ?? cells.head.tick;
    if (some.shape.length === 3 && this.store.get("view") === "3d") this.showDeep(some, cells, palette);
    else if (some.shape.length === 2) this.showFlat(codes, cells, shown, palette);
  }

  showFlat(codes, cells, shown, palette) {
    this.flat.canvas.hidden = false;
    if (this.deep) this.deep.canvas.hidden = true;
    const view = this.store.get("view");
    const attribute = this.colour !== "kind" && cells && view !== "density";
    const hidden = new Set(this.store.get("hidden"));
    const layers = [];
    if (codes) {
      const lut = view === "density" ? palette.density(this.store.get("density")) : palette.codes({ hidden, muted: attribute });
      layers.push({ levels: codes.levels, lut });
    }
    if (attribute) layers.push({ levels: cells.levels, lut: palette.cells(this.colour) });
    const field = shown.get(`field/${this.store.get("overlay")}`);
    const guests = codes && !attribute && view !== "density"
      ? this.run.guests.filter((mark) => !mark.full.every((kind) => hidden.has(kind)))
        .map((mark) => ({ ...mark, levels: codes.levels, colour: palette.guest(mark) }))
      : [];
    this.flat.show({
      shape: (codes ?? cells).shape, layers, guests, spacing: this.place.spacing * this.place.step,
      field: field ? { levels: field.levels, lut: palette.field(...this.fieldSpan) } : null,
      ground: palette.void, ink: palette.dark ? [226, 231, 238] : [28, 33, 40],
    });
  }

  showDeep(some, cells, palette) {
    this.deep ??= this.makeDeep();
    if (!this.deep.canvas.parentNode) this.room.append(this.deep.canvas);
    this.flat.canvas.hidden = true;
    this.deep.canvas.hidden = false;
    if (!this.deep.works) {
      this.deep.canvas.hidden = true;
      this.say("3-D needs WebGL 2, which this browser does not offer; slices and projections need none.");
      return;
    }
    const attribute = this.colour !== "kind" && cells;
    const lut = attribute ? palette.cells(this.colour) : palette.codes();
    for (let level = 0; level < 256; level += 1) {
      lut[4 * level + 3] = 255 * (attribute ? cellOpacity(level) : this.opacity(level));
    }
    this.deep.show({
      levels: attribute ? cells.levels : some.levels, shape: some.shape, lut,
      ground: palette.void, ink: palette.dark ? [150, 160, 172] : [120, 128, 138],
    });
  }

  opacity(code) {
    const kind = code & 31;
    if (kind === 0) return 0;
    if (kind === 31) return code & 0x60 ? TISSUE_OPACITY : 0;
    const named = this.run.kinds.find((one) => one.code === kind);
    return this.store.get("hidden").includes(kind) ? 0 : OPACITY[named?.name] ?? 0.4;
  }

  // Whether the moment shown is after all that is recorded of the run.
  get ended() {
    return this.tick > this.run.last;
  }

  // When a layer was first recorded, if it was; before that it has no frame.
  recordedFrom(layer) {
    const [first] = this.place.layers[layer] ?? [];
    return first === undefined ? "" : `recorded from ${dayWords(first / this.run.ticksPerDay)}`;
  }

  say(words) {
    this.empty.textContent = words;
    this.empty.hidden = !words;
  }

  describe(some, cells, shown) {
    const { place, store } = this;
    const view = store.get("view");
    const { axis, number } = store.plane(place);
    const side = place.spacing * place.step;
    this.title.replaceChildren(...(this.compared
      ? [h("span", { class: "run-key", title: this.run.label }, "AB"[this.run.index])] : []), place.title);
    const had = some?.cut ?? this.cut;
    const sides = place.shape.filter((length) => length > 1).map((length) => Number((length * side).toPrecision(4)));
    const size = sides.join(" × ");
    this.about.textContent = `${size} µm${place.scale > 1 ? ` · 1 : ${count(place.scale)}` : ""}`;
    this.about.title = place.scale > 1 ? `A cell of the lattice stands for ${count(place.scale)} cells of the body` : "";
    const fixed = !(this.cut.what === "reduced" && had.what === "whole")
      && (had.what !== this.cut.what || had.axis !== this.cut.axis || (had.what === "plane" && had.number !== this.cut.number));
    const key = `${view}${axis}${place.shape}`;
    if (this.axisKey !== key) {
      this.axisKey = key;
      const offered = AXES.map((name, at) => [String(at), name, `Look along ${name}`])
        .filter(([at]) => place.shape[at] > 1 || Number(at) === axis);
      this.axis.replaceChildren(segmented("Axis", offered, String(axis),
        (chosen) => store.setPlane(place, { axis: Number(chosen) })));
    }
    const deep = view === "3d";
    const free = this.frames.source.holdsAll(place);
    this.axis.hidden = deep || !free || place.shape.filter((length) => length > 1).length < 3;
    const last = place.shape[axis] - 1;
    this.slider.hidden = view !== "slice" || last === 0;
    this.slider.max = last;
    this.slider.value = number;
    this.slider.disabled = !free;
    const at = (place.origin[axis] + (number + 0.5) * place.step) * place.spacing;
    this.plane.textContent = view === "slice" && last > 0 ? `${AXES[axis]} = ${lengthWords(at)} · ${number + 1} of ${last + 1}`
      : deep ? "drag to turn, wheel to zoom" : last > 0 ? `through ${lengthWords((last + 1) * side)} along ${AXES[axis]}` : "";
    this.slider.setAttribute("aria-valuetext", this.plane.textContent);
    const notes = [];
    const block = Array(3).fill(place.block).join(" × ");
    if (deep && place.block > 1) notes.push(`blocks of ${block} sites, the rarest kind of each`);
    const ofCells = store.get("colour") !== "kind" && view !== "density";
    const day = (frame) => dayWords(frame.head.tick / this.run.ticksPerDay);
    if (this.ended) {
      const verb = { running: "has come to", interrupted: "was interrupted on" }[this.run.status] ?? "ended on";
      notes.push(`${this.compared ? "this run " : ""}${verb} ${dayWords(this.run.last / this.run.ticksPerDay)}`);
    }
    const codes = shown.get("codes");
    if (codes && codes.head.tick !== this.tick) notes.push(`view of ${day(codes)}`);
    const colour = store.get("colour");
    const overlay = `field/${store.get("overlay")}`;
    if (ofCells && this.colour !== "kind" && cells) notes.push(`cells as recorded on ${day(cells)}`);
    else if (ofCells && this.recordedFrom(colour)) notes.push(`cells ${this.recordedFrom(colour)}`);
    else if (ofCells) notes.push("cells were not recorded here (record.cells); coloured by kind");
    const field = shown.get(overlay);
    if (field) notes.push(`field of ${day(field)}`);
    else if (!deep && this.recordedFrom(overlay)) notes.push(`field ${this.recordedFrom(overlay)}`);
    else if (store.get("overlay") && !deep) notes.push("no such field was recorded here");
    if (store.get("overlay") && deep) notes.push("the field shows in slices and projections");
    if (!free && some) notes.push("one layer and one projection are in this page; play the file itself for the others");
    else if (fixed && some) notes.push("this cut is not held by the page");
    const depth = place.lattice[2] - place.shape[2] * place.step;
    if (depth >= place.step) notes.push(`the middle ${place.shape[2]} of ${place.lattice[2]} layers were recorded`);
    this.note.textContent = notes.join(" · ");
    const from = this.recordedFrom("codes") || this.recordedFrom(this.colour);
    this.say(some ? "" : from ? `R${from.slice(1)}.` : place.hasViews ? "Nothing was recorded yet." : "No views were recorded of this place (record.view).");
    if (some && !deep) this.say("");
    if (some && deep && some.shape.length === 2) {
      this.say("This page holds no volume of this place: choose a slice or a projection.");
      this.flat.canvas.hidden = true;
      if (this.deep) this.deep.canvas.hidden = true;
    }
  }

  // Levels between which a field is coloured: to the highest recorded, over three decades, as far as the scale goes.
  get fieldSpan() {
    const { low, high } = this.run.scales.field;
    const most = this.run.fieldMost?.[this.store.get("overlay")] ?? high;
    const level = (value) => 1 + (253 * Math.log(value / low)) / Math.log(high / low);
    return [Math.max(level(most / 1e3), 1), Math.min(level(most), 254)];
  }

  // A site of the view (x, y, z) from one of the picture, if it shows a single layer.
  toSite(point) {
    if (!point || this.store.get("view") !== "slice" || !this.shown) return null;
    const cut = [...this.shown.values()][0]?.cut;
    if (!cut || cut.what !== "plane") return null;
    const site = [0, 0, 0];
    const [one, other] = [0, 1, 2].filter((axis) => axis !== cut.axis);
    site[cut.axis] = cut.number;
    site[one] = point[0];
    site[other] = point[1];
    return { site, flat: point };
  }

  levelAt(layer, [column, row]) {
    const found = this.shown?.get(layer);
    return found && found.shape.length === 2 ? found.levels[column * found.shape[1] + row] : undefined;
  }
}

function cellOpacity(level) {
  if (level === 0) return 0;
  return level === 255 ? 0.03 : 0.9;
}
