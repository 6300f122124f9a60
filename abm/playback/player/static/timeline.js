// SPDX-License-Identifier: Apache-2.0
// The time slider: days, treatments and events over it, and what a branch shares with its ancestor.

import { h, s } from "player/dom";
import { dayNumber, dayWords, roundSteps } from "player/words";

const EDGE = 9;
const HIGH = 44;
const EVENTS = { crs_grade: "#d55e00", neurotoxicity: "#cc79a7", "coarse mode": "#8a93a0" };
const TREATMENTS = ["#0072b2", "#e69f00", "#009e73", "#56b4e9", "#b45cc0", "#8a7a00"];
const LATE = 24;

export class Timeline {
  constructor(host, { seek, seekTick }) {
    this.seek = seek;
    this.marks = h("div", { class: "marks" });
    this.tip = h("div", { class: "tip", hidden: true });
    this.slider = h("input", { type: "range", class: "time", step: 1, "aria-label": "Day",
      oninput: () => seekTick(Number(this.slider.value)) });
    this.element = h("div", { class: "timeline" }, this.marks, this.slider, this.tip);
    host.append(this.element);
    new ResizeObserver(() => this.lay()).observe(this.element);
  }

  show(runs, palette) {
    Object.assign(this, { runs, palette });
    this.ticksPerDay = runs[0].ticksPerDay;
    this.first = Math.min(...runs.map((run) => run.first));
    this.last = Math.max(...runs.map((run) => run.last));
    this.slider.min = this.first;
    this.slider.max = Math.max(this.last, this.first + 1);
    this.slider.disabled = this.last <= this.first;
    this.lay();
  }

  lay() {
    if (!this.runs) return;
    const wide = this.element.clientWidth;
    if (wide <= 2 * EDGE) return;
    const days = [this.first, Math.max(this.last, this.first + 1)].map((tick) => tick / this.ticksPerDay);
    const x = (day) => EDGE + ((day - days[0]) / (days[1] - days[0])) * (wide - 2 * EDGE);
    this.x = x;
    const names = [...new Set(this.runs.flatMap((run) => run.treatments.map((given) => given.name)))];
    const colour = (at) => this.palette.line(TREATMENTS[at % TREATMENTS.length]);
    const picture = s("svg", { width: wide, height: HIGH, viewBox: `0 0 ${wide} ${HIGH}` });
    for (const day of roundSteps(days[0], days[1], wide / 80)) {
      picture.append(s("line", { x1: x(day), x2: x(day), y1: 25, y2: 29, class: "axis" }),
        s("text", { x: x(day), y: HIGH - 4, class: "tick", "text-anchor": "middle" }, String(day).replace("-", "−")));
    }
    const single = this.runs.length === 1;
    const until = Math.max(...this.runs.flatMap((run) => run.branches), -Infinity);
    if (!single && Number.isFinite(until)) {
      picture.append(s("rect", { x: EDGE, width: Math.max(x(until) - EDGE, 0), y: 26, height: 3.5, rx: 1.75, class: "shared" }),
        this.mark(s("path", { d: `M${x(until)} 10v21`, class: "branch" }), x(until),
          `${dayWords(until)}: the branch begins; before it both runs are the same`));
    }
    this.runs.forEach((run, number) => {
      for (const event of run.events) {
        const at = x(event.day);
        const fill = this.palette.line(EVENTS[event.kind] ?? "#5a6675");
        picture.append(this.mark(s("rect",
          { x: at - 1.25, y: 14, width: 2.5, height: 9, rx: 1, fill, opacity: number ? 0.55 : 1 }), at,
          `${dayWords(event.day)}: ${event.text}${single ? "" : ` (${run.label})`}`));
      }
      for (const given of run.treatments) {
        for (const day of given.days) {
          const at = x(day);
          const shape = s("path", { d: `M${at - 5.5} 1.5h11l-5.5 9.5z`,
            fill: number ? "none" : colour(names.indexOf(given.name)),
            stroke: colour(names.indexOf(given.name)), "stroke-width": 1.4, "stroke-linejoin": "round" });
          picture.append(this.mark(shape, at, `${dayWords(day)}: ${given.name}${single ? "" : ` (${run.label})`}`));
        }
      }
    });
    this.marks.replaceChildren(picture);
  }

  // A mark under a wider area that is easier to point at; a click goes to its day.
  mark(shape, at, words) {
    const day = this.first / this.ticksPerDay + ((at - EDGE) / (this.element.clientWidth - 2 * EDGE)) * (Math.max(this.last,
      this.first + 1) - this.first) / this.ticksPerDay;
    return s("g", {
      class: "mark", "data-words": words, onclick: () => this.seek(day),
      onpointerenter: () => this.tell(at, words), onpointerleave: () => { this.tip.hidden = true; },
    }, s("title", {}, words), s("rect", { x: at - 5, y: 0, width: 10, height: 24, fill: "transparent" }), shape);
  }

  tell(at, words) {
    const wide = this.element.clientWidth;
    this.tip.textContent = words;
    this.tip.hidden = false;
    const half = this.tip.offsetWidth / 2;
    this.tip.style.left = `${Math.min(Math.max(at, half), wide - half)}px`;
  }

  move(tick) {
    this.slider.value = tick;
    this.slider.setAttribute("aria-valuetext", dayWords(tick / this.ticksPerDay));
    const part = (tick - this.first) / Math.max(this.last - this.first, 1);
    this.slider.style.setProperty("--part", `${100 * part}%`);
  }

  // What was given within a day before the day shown.
  captions(day) {
    const given = this.runs.flatMap((run) => run.treatments.flatMap(({ name, days }) => days.map((when) => ({ name, when }))));
    const lately = given.filter(({ when }) => when <= day + 1e-6 && day < when + LATE / 24).map(({ name }) => name);
    return [...new Set(lately)].join(", ");
  }
}

export const clock = (day) => `Day ${dayNumber(day)}`;
