// SPDX-License-Identifier: Apache-2.0
// Time courses: a panel per quantity, a line per course (dashed for the second run), limits, and a cursor at the day shown.

import { h, s } from "player/dom";
import { dayWords, figure, quantity, raised, roundSteps } from "player/words";

const LEAST_HIGH = 86;
const MOST_HIGH = 170;
const HEAD = 42;
const TOP = 6;
const BOTTOM = 16;
const LEFT = 44;
const RIGHT = 10;
const WORDS = 70;

export class Courses {
  constructor(host, { seek }) {
    this.host = host;
    this.seek = seek;
    this.drawn = [];
    this.day = 0;
    const watch = new ResizeObserver(() => this.lay());
    watch.observe(host);
    watch.observe(host.parentNode);
  }

  show(runs, palette) {
    this.runs = runs;
    this.palette = palette;
    const titles = [...new Set(runs.flatMap((run) => run.panels.map((panel) => panel.title)))];
    this.panels = titles.map((title) => {
      const alike = runs.map((run) => run.panels.find((panel) => panel.title === title));
      const some = alike.find(Boolean);
      const known = alike.filter(Boolean);
      const until = runs.map((run) => run.last / run.ticksPerDay);
      return {
        ...some,
        low: Math.min(...known.map((panel) => panel.low)),
        high: Math.max(...known.map((panel) => panel.high)),
        courses: alike.flatMap((panel, number) => (panel?.courses ?? []).map((course) => ({
          ...course, number, until: until[number], days: course.ticks.map((tick) => tick / runs[number].ticksPerDay) }))),
      };
    });
    this.first = Math.min(...runs.map((run) => run.first / run.ticksPerDay));
    this.last = Math.max(...runs.map((run) => run.last / run.ticksPerDay), this.first + 1e-3);
    this.branches = runs.length > 1 ? runs.flatMap((run) => run.branches) : [];
    this.lay();
  }

  lay() {
    if (!this.panels) return;
    const wide = this.host.clientWidth - 24;
    if (wide <= 60) return;
    // as high as lets all panels be seen at once, if that is high enough to be read
    const room = this.host.parentNode.clientHeight - this.host.offsetTop + this.host.parentNode.offsetTop - 12;
    const high = Math.floor(Math.min(Math.max(room / Math.max(this.panels.length, 1) - HEAD, LEAST_HIGH), MOST_HIGH));
    if (wide === this.wide && high === this.high && this.laid === this.panels) return;
    Object.assign(this, { wide, high, laid: this.panels });
    this.right = this.panels.some((panel) => panel.rules.length) ? WORDS : RIGHT;
    this.x = (day) => LEFT + ((day - this.first) / (this.last - this.first)) * (wide - LEFT - this.right);
    this.drawn = this.panels.map((panel) => this.panel(panel));
    const about = this.runs.length > 1 && h("p", { class: "courses-about" }, "Runs", this.runs.map((run, at) => [
      s("svg", { width: 20, height: 3 },
        s("line", { x2: 20, y1: 1.5, y2: 1.5, stroke: "currentColor", "stroke-width": 2,
          "stroke-dasharray": at ? "5 3" : null })),
      `${"AB"[at]} ${run.label}`]).flat());
    this.host.replaceChildren(...(about ? [about] : []), ...this.drawn.map((each) => each.element));
    if (!this.panels.length) this.host.replaceChildren(h("p", { class: "card empty" }, "No time courses were recorded."));
    this.move(this.day);
  }

  panel(panel) {
    const scale = panel.log ? Math.log10 : (value) => value;
    const [low, high] = [scale(panel.low), scale(panel.high)];
    const y = (value) => {
      const at = panel.log ? scale(Math.max(value, panel.low / 1e3)) : value;
      return TOP + (1 - (at - low) / (high - low)) * (this.high - TOP - BOTTOM);
    };
    const clip = `clip-${panel.title.replace(/\W/g, "")}`;
    const lines = panel.courses.map((course) => s("path", {
      d: path(course, this.x, y), fill: "none", stroke: this.palette.line(course.colour),
      "stroke-width": course.number ? 1.5 : 1.9,
      "stroke-dasharray": course.number ? "5 3" : null, "stroke-linejoin": "round", "clip-path": `url(#${clip})`,
    }));
    const rules = panel.rules.filter((rule) => rule.value > panel.low && rule.value < panel.high);
    let lastWords = -100;
    const marks = [...rules].sort((one, other) => other.value - one.value).flatMap((rule) => {
      const at = y(rule.value);
      const said = at - lastWords > 10;
      if (said) lastWords = at;
      return [
        s("line", { x1: LEFT, x2: this.wide - this.right, y1: at, y2: at, class: "rule" }),
        said && s("text", { x: this.wide - this.right + 4, y: at + 3.5, class: "rule-words" }, rule.label),
      ].filter(Boolean);
    });
    const cursor = s("line", { y1: TOP, y2: this.high - BOTTOM, class: "cursor" });
    const dots = panel.courses.map((course) => s("circle", { r: 3, fill: this.palette.line(course.colour), class: "dot-now" }));
    const ticks = panel.log ? decades(low, high) : roundSteps(panel.low, panel.high, 3);
    const picture = s("svg", {
      viewBox: `0 0 ${this.wide} ${this.high}`, width: this.wide, height: this.high, role: "img",
      "aria-label": `${panel.title} [${panel.unit}] over the days; click to go to a day`,
      onpointerdown: (event) => this.drag(event),
    },
    s("clipPath", { id: clip },
      s("rect", { x: LEFT, y: TOP, width: this.wide - LEFT - this.right, height: this.high - TOP - BOTTOM })),
    ticks.map((value) => [
      s("line", { x1: LEFT, x2: this.wide - this.right, y1: y(value), y2: y(value), class: "grid" }),
      s("text", { x: LEFT - 6, y: y(value) + 3.5, class: "tick", "text-anchor": "end" }, tickWords(value, panel.log)),
    ]).flat(),
    roundSteps(this.first, this.last, this.wide / 70)
      .map((day) => s("text", { x: this.x(day), y: this.high - 3, class: "tick", "text-anchor": "middle" },
        String(day).replace("-", "−"))),
    this.branches.map((day) =>
      s("line", { x1: this.x(day), x2: this.x(day), y1: TOP, y2: this.high - BOTTOM, class: "branch" })),
    marks, s("line", { x1: LEFT, x2: LEFT, y1: TOP, y2: this.high - BOTTOM, class: "axis" }), lines, cursor, dots);
    const values = panel.courses.map(() => h("b", {}));
    const labels = [...new Set(panel.courses.map((course) => course.label))];
    // one chip per quantity; of two runs the values stand side by side
    const chips = labels.map((label) => {
      const mine = panel.courses.map((course, at) => ({ course, at })).filter(({ course }) => course.label === label);
      return h("li", {}, h("i", { class: "key", style: { background: this.palette.line(mine[0].course.colour) } }), `${label} `,
        mine.map(({ course, at }, place) =>
          [place ? " | " : null, mine.length < this.runs.length ? `${"AB"[course.number]} ` : null, values[at]]).flat());
    });
    return {
      panel, y, cursor, dots, values,
      element: h("figure", { class: "card course" },
        h("figcaption", {}, h("h3", {}, panel.title, h("small", {}, panel.unit === "1" ? "ratio" : panel.unit)),
          h("ul", { class: "chips" }, chips)), picture),
    };
  }

  drag(event) {
    const picture = event.currentTarget;
    const box = picture.getBoundingClientRect();
    const go = (at) => {
      const part = (at.clientX - box.left - LEFT) / (this.wide - LEFT - this.right);
      this.seek(this.first + Math.min(Math.max(part, 0), 1) * (this.last - this.first));
    };
    picture.setPointerCapture(event.pointerId);
    picture.onpointermove = go;
    picture.onpointerup = picture.onpointercancel = () => { picture.onpointermove = null; };
    go(event);
  }

  move(day) {
    this.day = day;
    for (const { panel, y, cursor, dots, values } of this.drawn) {
      const x = this.x(Math.min(Math.max(day, this.first), this.last));
      cursor.setAttribute("x1", x);
      cursor.setAttribute("x2", x);
      panel.courses.forEach((course, at) => {
        const value = valueAt(course, day);
        const shown = Number.isFinite(value) && (!panel.log || value >= panel.low) && value <= panel.high * 1.001;
        dots[at].setAttribute("visibility", shown ? "visible" : "hidden");
        if (shown) {
          dots[at].setAttribute("cx", x);
          dots[at].setAttribute("cy", y(value));
        }
        values[at].textContent = quantity(value, panel.unit);
      });
      cursor.parentNode.dataset.day = dayWords(day);
    }
  }
}

// The last value up to a day, or nothing where the course, or its run, does not reach.
function valueAt({ days, values, until }, day) {
  if (!days.length || day < days[0] - 1e-6 || day > days.at(-1) + 1 || day > until + 1e-6) return NaN;
  let low = 0;
  let high = days.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (days[middle] <= day + 1e-6) low = middle + 1;
    else high = middle;
  }
  return values[Math.max(low - 1, 0)];
}

function path({ days, values }, x, y) {
  return days.map((day, at) => `${at ? "L" : "M"}${x(day).toFixed(1)} ${y(values[at]).toFixed(1)}`).join("");
}

function decades(low, high) {
  const step = Math.max(1, Math.ceil((high - low) / 4.2));
  const found = [];
  for (let power = Math.ceil(low); power <= high; power += 1) if (power % step === 0) found.push(10 ** power);
  return found;
}

const tickWords = (value, log) =>
  (log && (value >= 1e4 || value <= 1e-3) ? `10${raised(Math.round(Math.log10(value)))}` : figure(value));
