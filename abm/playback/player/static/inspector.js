// SPDX-License-Identifier: Apache-2.0
// The cell pointed at: kind and place at once, then its columns from the frame of cells before, then its history;
// a click keeps it.

import { h, icon, s } from "player/dom";
import { count, dayNumber, dayWords, figure, lengthWords } from "player/words";
import { fieldName, swatch } from "player/legend";

const WIDE = 132;
const HIGH = 26;
const DWELL = 350;
const SOLID = 31;

export class Inspector {
  constructor(host, { source, store, palette, frames }) {
    Object.assign(this, { host, source, store, palette, frames });
    this.pinned = null;
  }

  async point(pane, found) {
    if (this.pinned) return;
    this.controller?.abort();
    if (!found) {
      this.host.hidden = true;
      return;
    }
    await this.tell(pane, found, false);
  }

  async pick(pane, found) {
    this.controller?.abort();
    if (!found) {
      this.close();
      return;
    }
    this.pinned = { pane, found };
    await this.tell(pane, found, true);
  }

  close() {
    this.controller?.abort();
    this.pinned = null;
    this.host.hidden = true;
  }

  async tell(pane, { site, flat }, pinned) {
    const controller = new AbortController();
    this.controller = controller;
    const { run, place } = pane;
    const code = pane.levelAt("codes", flat);
    const lines = [this.siteLine(pane, code, site)];
    const field = pane.levelAt(`field/${this.store.get("overlay")}`, flat);
    if (field) lines.push(h("p", { class: "minor" },
      `${fieldName(this.store.get("overlay"))}: ${fieldWords(run.scales.field, field)}`));
    this.draw(lines, pinned);
    if ((code & 31) === SOLID) return; // where fat or bone is, no cell can stand
    const recorded = place.layers.state;
    const frame = this.frames.number(place, "state", pane.tick);
    if (!this.source.history) {
      lines.push(h("p", { class: "minor" }, "Cells one by one can be looked at with abm play and the file itself."));
      this.draw(lines, pinned);
      return;
    }
    if (frame < 0) {
      lines.push(h("p", { class: "minor" }, recorded
        ? `Cells one by one are recorded from ${dayWords(recorded[0] / run.ticksPerDay)}.`
        : "Cells were not recorded one by one (record.cells)."));
      this.draw(lines, pinned);
      return;
    }
    try {
      const here = await this.source.cellsAt(run.index, place.name, frame, site, controller.signal);
      if (controller.signal.aborted) return;
      const when = dayWords(here.tick / run.ticksPerDay);
      if (!here.cells.length) lines.push(h("p", { class: "minor" }, `No recorded cell stood here on ${when}.`));
      else lines.push(h("p", { class: "minor" },
        `As recorded on ${when}${here.number > 1 ? `: ${here.number} cells here` : ""}`));
      for (const cell of here.cells.slice(0, pinned ? 4 : 1)) lines.push(this.cell(cell));
      this.draw(lines, pinned);
      if (!here.cells.length) return;
      if (!pinned) {
        // who only passes over a cell does not want its history
        await new Promise((resolve) => { setTimeout(resolve, DWELL); });
        if (controller.signal.aborted) return;
      }
      await this.history(run, here.cells[0], lines, controller, pinned);
    } catch (error) {
      if (controller.signal.aborted) return;
      this.draw([...lines, h("p", { class: "warn" }, error.message)], pinned);
    }
  }

  async history(run, cell, lines, controller, pinned) {
    const waiting = h("p", { class: "hint" }, "Reading its history …");
    this.draw([...lines, waiting], pinned);
    const { history, looked, frames } = await this.source.historyOf(run.index, cell.uid, controller.signal);
    if (controller.signal.aborted) return;
    const [first, last] = [history[0], history.at(-1)];
    const day = (line) => line.tick / run.ticksPerDay;
    const some = looked < frames ? ` (${looked} of ${frames} frames looked at)` : "";
    const parts = [h("h3", {}, `Cell ${cell.uid}`), h("p", { class: "minor" }, history.length
      ? `recorded from day ${dayNumber(day(first))} to ${dayNumber(day(last))}${some}`
        : `not found in the frames looked at${some}`)];
    for (const [name, label, unit] of [["cd19", "CD19", "molecules"], ["divisions", "divisions", ""],
      ["weight", "stands for", "cells"]]) {
      const told = history.filter((line) => line[name] !== undefined);
      if (told.length > 1 && told.some((line) => line[name] !== told[0][name])) parts.push(spark(label, unit,
        told.map((line) => [day(line), line[name]])));
    }
    if (!pinned) {
      this.draw([...lines, ...parts, h("p", { class: "hint" }, "Click to keep it, and for where it was")], false);
      return;
    }
    const rows = history.length > 9 ? [...history.slice(0, 4), null, ...history.slice(-4)] : history;
    parts.push(h("table", { class: "history" },
      h("thead", {}, h("tr", {}, ["day", "place", "x, y, z [µm]", "state"].map((words) => h("th", { scope: "col" }, words)))),
      h("tbody", {}, rows.map((line) => (line
        ? h("tr", {}, h("td", {}, dayNumber(day(line))), h("td", {}, line.place),
          h("td", {}, line.position?.map(Math.round).join(", ") ?? "–"),
          h("td", {}, [line.programme, line.bound && "in a synapse"].filter(Boolean).join(", ") || "–"))
        : h("tr", {}, h("td", { colspan: 4 }, "…")))))));
    this.draw([...lines, ...parts], true);
  }

  siteLine(pane, code, site) {
    const { run, place } = pane;
    const where = site.map((at, axis) =>
      lengthWords((place.origin[axis] + (at + 0.5) * place.step) * place.spacing).replace(" µm", ""));
    const kind = run.kinds.find((one) => one.code === (code & 31));
    const tissue = run.tissues.find((one) => one.code === (code & 0x7f));
    const words = code === undefined ? "site" : (code & 31) === 31 ? tissue?.label ?? "solid" : kind?.label ?? "no full cell";
    const colour = this.palette().codes().slice(4 * (code ?? 0), 4 * (code ?? 0) + 3);
    const extra = [];
    if (kind && code & 0x20) extra.push("in a synapse");
    if ((code & 31) !== 31) for (const mark of run.guests) if (code & mark.bit) extra.push(mark.label);
    return h("div", {}, h("h3", {}, swatch([...colour]), words),
      h("p", { class: "minor" }, `${place.title}, x ${where[0]}, y ${where[1]}, z ${where[2]} µm`),
      extra.map((line) => h("p", { class: "minor" }, line)));
  }

  cell(cell) {
    const facts = [
      ["cell", `${cell.uid}, ${cell.label}`],
      cell.weight > 1 && ["stands for", `${count(cell.weight)} cells${cell.guest ? ", a guest" : ""}`],
      cell.programme && ["programme", cell.programme],
      (cell.bound || null) && ["", "in a synapse"],
      cell.programme && cell.divisions !== undefined && ["divisions", figure(cell.divisions)],
      cell.cd19 > 0 && ["CD19", `${figure(cell.cd19)} molecules`],
      cell.cd22 > 0 && ["CD22", `${figure(cell.cd22)} molecules`],
      cell.clone > 0 && ["clone", String(cell.clone)],
    ].filter(Boolean);
    return h("dl", { "data-uid": cell.uid }, facts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
  }

  draw(lines, pinned) {
    this.host.hidden = false;
    this.host.classList.toggle("pinned", pinned);
    this.host.style.top = pinned ? "" : `${this.host.parentNode.scrollTop + 12}px`; // over the legend, which stays where it is
    this.host.replaceChildren(...lines, ...(pinned
      ? [h("button", { type: "button", class: "icon close", "aria-label": "Close (Escape)", onclick: () => this.close() },
        icon("close"))] : []));
  }
}

// The lowest level holds all that is below the scale, zero too.
const fieldWords = ({ low, high, unit }, level) =>
  (level === 1 ? `< ${low} ${unit}` : `about ${figure(low * (high / low) ** ((level - 1) / 253))} ${unit}`);

function spark(label, unit, points) {
  const days = points.map(([day]) => day);
  const values = points.map(([, value]) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = (day) => 2 + ((day - days[0]) / Math.max(days.at(-1) - days[0], 1e-9)) * (WIDE - 4);
  const y = (value) => 3 + (1 - (value - low) / Math.max(high - low, 1e-9)) * (HIGH - 6);
  return h("div", { class: "spark" }, h("span", {}, label),
    s("svg", { width: WIDE, height: HIGH, "aria-hidden": "true" },
      s("path", { d: points.map(([day, value], at) =>
        `${at ? "L" : "M"}${x(day).toFixed(1)} ${y(value).toFixed(1)}`).join(""), class: "spark-line" }),
      s("circle", { cx: x(days.at(-1)), cy: y(values.at(-1)), r: 2.4, class: "spark-dot" })),
    h("span", {}, `${figure(values[0])} → ${figure(values.at(-1))} ${unit}`));
}
