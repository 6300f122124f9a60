// SPDX-License-Identifier: Apache-2.0
// The legend: what the colours mean and how many there are, a column per pane; kinds can be hidden.

import { css, scaleColour } from "player/colours";
import { h } from "player/dom";
import { count, dayWords, figure, raised } from "player/words";

export class Legend {
  constructor(host, store) {
    this.host = host;
    this.store = store;
  }

  // `panes` have shown their frames.
  show(panes, palette) {
    const colour = this.store.get("colour");
    const view = this.store.get("view");
    const compared = panes.some((pane) => pane.run.index > 0);
    const heads = panes.map((pane) =>
      h("th", { scope: "col" }, compared ? h("span", { class: "run-key" }, pane.run.index ? "B" : "A") : null,
        pane.place.title));
    const rows = colour === "kind" || view === "density" ? this.kinds(panes, palette) : this.cells(panes, palette, colour);
    const words = { kind: "Sites with each kind", state: "CAR T programme, body cells", cd19: "CD19, body cells",
      clone: "Largest clones, body cells",
      exhaustion: "CAR T divisions and exhaustion" };
    this.host.replaceChildren(
      h("table", {}, h("thead", {},
        h("tr", {}, h("th", { scope: "col" }, words[view === "density" ? "kind" : colour] ?? ""), heads)),
          h("tbody", {}, rows)),
      ...(colour === "cd19" && view !== "density" ? [this.bar(panes, "viridis", "cd19")] : []),
      ...(colour === "exhaustion" && view !== "density" ? [divisionsBar()] : []),
      ...this.fieldBar(panes, palette));
  }

  kinds(panes, palette) {
    const hidden = this.store.get("hidden");
    const run = panes[0].run;
    const counts = panes.map((pane) => countsOf(pane));
    const rows = [];
    for (const kind of run.kinds) {
      if (!counts.some((one) => one && (one.kinds[kind.code] ?? 0) > 0) && kind.name !== "car_t"
        && kind.name !== "blast") continue;
      const off = hidden.includes(kind.code);
      rows.push(h("tr", { class: off ? "off" : null, "data-kind": kind.code },
        h("th", { scope: "row" }, h("button", {
          type: "button", "aria-pressed": String(!off), title: `${kind.label}: ${off ? "show" : "hide"} them`,
          onclick: () => this.store.set({ hidden: off ? hidden.filter((code) => code !== kind.code) : [...hidden, kind.code] }),
        }, swatch(palette.kinds.get(kind.code)), kind.label.replace(/ \(.*\)$/, ""))),
        counts.map((one) => h("td", {}, one ? count(one.kinds[kind.code] ?? 0) : "–"))));
    }
    for (const mark of run.guests) {
      if (!counts.some((one) => one?.guests[mark.bit])) continue;
      rows.push(h("tr", { class: "minor", title: "Agents for too few cells to fill a site: marks in its corner" },
        h("th", { scope: "row" },
          h("span", { class: "row-label" }, cornerSwatch(palette.guest(mark), mark.upperRight), guestWords(mark.label))),
        counts.map((one) => h("td", {}, one ? count(one.guests[mark.bit] ?? 0) : "–"))));
    }
    const tissues = run.tissues.filter((tissue) => counts.some((one) => one?.tissues[tissue.code]));
    if (tissues.length) {
      rows.push(h("tr", { class: "tissue" }, h("td", { colspan: panes.length + 1 },
        tissues.map((tissue) => h("span", {}, swatch(palette.tissues.get(tissue.code)), tissue.label)))));
    }
    return rows;
  }

  cells(panes, palette, colour) {
    const about = panes.map((pane) => pane.shown?.get(colour)?.head);
    const level = (key, at) => (colour === "clone" ? 1 + ((key - 1) % 250) : colour === "exhaustion" ? (at ? 254 : 8) : at + 1);
    const keys = [...new Set(about.flatMap((head) => (head?.cells ?? []).map(([key]) => key)))].slice(0, 8);
    const rows = keys.map((key, at) => h("tr", {},
      h("th", { scope: "row" }, h("span", { class: "row-label" },
        colour === "cd19" || (colour === "exhaustion" && !at) ? null : swatch(palette.cellColour(colour, level(key, at))),
        colour === "clone" ? `clone ${key}` : key)),
      about.map((head) => {
        const line = head?.cells?.find(([one]) => one === key);
        return h("td", { title: line ? `${count(line[1])} agents` : null }, line ? figureOrCount(line[2]) : "–");
      })));
    if (colour === "cd19") {
      rows.push(h("tr", {}, h("th", { scope: "row" }, h("span", { class: "row-label" }, "median [molecules]")),
        about.map((head) => h("td", {}, head?.median ? figure(head.median) : "–"))));
    }
    const clones = Math.max(0, ...about.map((head) => head?.clones ?? 0));
    if (clones > 8) rows.push(h("tr", { class: "minor" },
      h("td", { colspan: panes.length + 1 }, `and ${count(clones - 8)} smaller ones; colours repeat`)));
    rows.push(h("tr", { class: "minor" }, h("td", { colspan: panes.length + 1 }, swatch(palette.other), "other cells ",
      new Set(about.filter(Boolean).map((head) => head.tick)).size === 1
        ? h("span", { class: "day-note" }, `cells of ${dayWords(about.find(Boolean).tick / panes[0].run.ticksPerDay)}`)
          : null)));
    return rows;
  }

  bar(panes, scale, name) {
    const { low, high, unit } = panes[0].run.scales[name];
    return colourBar((part) => scaleColour(scale, part), Math.log10(low), Math.log10(high), unit);
  }

  fieldBar(panes, palette) {
    const name = this.store.get("overlay");
    const run = panes.find((pane) => pane.shown?.get(`field/${name}`))?.run;
    const most = run?.fieldMost?.[name];
    if (!most) return [];
    const scale = run.scales.field;
    const [low, high] = [Math.max(most / 1e3, scale.low), Math.min(most, scale.high)].map(Math.log10);
    const lut = palette.field(2, 254);
    const colour = (part) => mixOver(lut, 2 + Math.round(252 * part), palette.void);
    return [h("div", { class: "bar-title" }, `${fieldName(name)} in the tissue`),
      colourBar(colour, low, high, `${scale.unit}; not drawn below ${scale.low}`)];
  }
}

export const fieldName = (name) => ({ ifn_gamma: "IFN-γ", il2: "IL-2", il6: "IL-6" })[name] ?? name.replace(/_/g, " ");
export const swatch = (colour) => h("i", { class: "swatch", style: { background: css(colour) } });

const guestWords = (label) => label.replace(", fewer than a square", " (guests)");
const figureOrCount = (value) => (value >= 1e5 ? figure(value) : count(value));

function cornerSwatch(colour, upperRight) {
  return h("i", { class: `swatch corner${upperRight ? " upper" : ""}` }, h("i", { style: { background: css(colour) } }));
}

function mixOver(lut, level, ground) {
  const alpha = lut[4 * level + 3] / 255;
  return ground.map((value, at) => Math.round(value * (1 - alpha) + lut[4 * level + at] * alpha));
}

// Sites by kind, guests by bit, tissue by code, of a whole frame.
export function countsOf(pane) {
  const numbers = pane.shown?.get("codes")?.head.counts;
  if (!numbers) return null;
  const found = { kinds: {}, guests: {}, tissues: {} };
  for (const [code, number] of numbers) {
    const kind = code & 31;
    if (kind === 31) {
      found.tissues[code & 0x7f] = (found.tissues[code & 0x7f] ?? 0) + number;
      continue;
    }
    found.kinds[kind] = (found.kinds[kind] ?? 0) + number;
    for (const { bit, full } of pane.run.guests) {
      if (code & bit && !full.includes(kind)) found.guests[bit] = (found.guests[bit] ?? 0) + number;
    }
  }
  return found;
}

function colourBar(colour, low, high, unit) {
  const stops = Array.from({ length: 13 }, (_, at) => css(colour(at / 12)));
  const powers = [];
  for (let power = Math.ceil(low); power <= high + 1e-9; power += 1) powers.push(power);
  return h("div", { class: "bar" },
    h("div", { class: "bar-colours", style: { background: `linear-gradient(90deg, ${stops.join(", ")})` } }),
    h("div", { class: "bar-ticks" },
      powers.map((power) => h("span", { style: { left: `${(100 * (power - low)) / (high - low)}%` } },
      Math.abs(power) < 3 ? String(10 ** power) : `10${raised(power)}`))),
    h("div", { class: "bar-unit" }, unit));
}

function divisionsBar() {
  const stops = Array.from({ length: 13 }, (_, at) => css(scaleColour("cividis", at / 12)));
  return h("div", { class: "bar" },
    h("div", { class: "bar-colours", style: { background: `linear-gradient(90deg, ${stops.join(", ")})` } }),
    h("div", { class: "bar-ticks" },
      [0, 5, 10, 15, 20].map((at) => h("span", { style: { left: `${5 * at}%` } }, at === 20 ? "20+" : String(at)))),
    h("div", { class: "bar-unit" }, "divisions of a working CAR T cell"));
}
