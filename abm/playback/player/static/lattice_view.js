// SPDX-License-Identifier: Apache-2.0
// A flat picture of a lattice on a canvas: crisp sites, marks for guests, a field over them; zoom, pan and the site pointed at.

import { css } from "player/colours";
import { h } from "player/dom";
import { lengthWords } from "player/words";

const MARK = 0.55;
const LEAST_MARK = 4;
const TINT = 0.55;
const ALONE = 0.9;
const BAR = 34;
const BESIDE = 96;
const MOST_ZOOM = 64;
const BARS = [5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

export class LatticeView {
  constructor({ point, pick }) {
    this.canvas = h("canvas", { class: "lattice", role: "img", "aria-label": "Lattice, site by site" });
    this.picture = document.createElement("canvas");
    this.overlay = document.createElement("canvas");
    this.content = null;
    this.zoom = 1;
    this.pan = [0, 0];
    this.pointed = null;
    this.point = point;
    this.pick = pick;
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  listen() {
    const canvas = this.canvas;
    let grip = null;
    canvas.addEventListener("pointerdown", (event) => {
      grip = { at: [event.clientX, event.clientY], pan: [...this.pan], moved: false };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (grip) {
        const move = [event.clientX - grip.at[0], event.clientY - grip.at[1]];
        if (Math.hypot(...move) > 3) grip.moved = true;
        if (grip.moved && this.zoom > 1) {
          this.pan = [grip.pan[0] + move[0], grip.pan[1] + move[1]];
          this.draw();
          return;
        }
      }
      this.setPointed(this.siteAt(event), event);
    });
    canvas.addEventListener("pointerup", (event) => {
      if (grip && !grip.moved) this.pick(this.siteAt(event));
      grip = null;
    });
    canvas.addEventListener("pointercancel", () => { grip = null; });
    canvas.addEventListener("pointerleave", () => this.setPointed(null));
    canvas.addEventListener("dblclick", () => this.reset());
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const box = canvas.getBoundingClientRect();
      const before = this.zoom;
      this.zoom = Math.min(Math.max(before * Math.exp(-event.deltaY * 0.0015), 1), MOST_ZOOM);
      const from = [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
      this.pan = this.pan.map((value, axis) => from[axis] - (from[axis] - value) * (this.zoom / before));
      if (this.zoom === 1) this.pan = [0, 0];
      this.draw();
    }, { passive: false });
  }

  reset() {
    this.zoom = 1;
    this.pan = [0, 0];
    this.draw();
  }

  // content: { shape: [columns, rows], layers: [{ levels, lut }], field: { levels, lut } | null,
  //            guests: [{ levels, bit, full, colour, upperRight }],
  //            spacing, ground, ink }; levels run along the columns' axis first.
  show(content) {
    this.content = content;
    const [columns, rows] = content.shape;
    paint(this.picture, columns, rows, content.layers);
    if (content.field) paint(this.overlay, columns, rows, [content.field]);
    this.draw();
  }

  geometry() {
    const [columns, rows] = this.content.shape;
    const { clientWidth: wide, clientHeight: high } = this.canvas;
    // the scale bar has a place of its own: under the sites, or beside them where that would leave too little
    const beside = this.zoom === 1 && high <= 2 * BAR;
    const room = this.zoom === 1 && !beside ? high - BAR : high;
    const broad = beside ? wide - BESIDE : wide;
    const dots = window.devicePixelRatio || 1;
    const fit = Math.min(broad / columns, room / rows) * this.zoom;
    // whole dots per site, or all sites would not look alike
    const scale = fit * dots >= 2 ? Math.floor(fit * dots) / dots : fit;
    const left = Math.round((broad - columns * scale) / 2 + this.pan[0]);
    const top = Math.round((room - rows * scale) / 2 + this.pan[1]);
    return { wide, high, dots, scale, left, top, columns, rows, beside };
  }

  siteAt(event) {
    if (!this.content) return null;
    const box = this.canvas.getBoundingClientRect();
    const { scale, left, top, columns, rows } = this.geometry();
    const column = Math.floor((event.clientX - box.left - left) / scale);
    const row = Math.floor((event.clientY - box.top - top) / scale);
    return column >= 0 && row >= 0 && column < columns && row < rows ? [column, row] : null;
  }

  setPointed(site) {
    if (String(site) === String(this.pointed)) return;
    this.pointed = site;
    this.draw();
    this.point(site);
  }

  draw() {
    if (!this.content) return;
    const { wide, high, dots, scale, left, top, columns, rows, beside } = this.geometry();
    if (!wide || !high) return;
    const canvas = this.canvas;
    if (canvas.width !== Math.round(wide * dots) || canvas.height !== Math.round(high * dots)) {
      canvas.width = Math.round(wide * dots);
      canvas.height = Math.round(high * dots);
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(dots, 0, 0, dots, 0, 0);
    pen.clearRect(0, 0, wide, high);
    pen.imageSmoothingEnabled = scale < 1;
    pen.imageSmoothingQuality = "high";
    pen.drawImage(this.picture, left, top, columns * scale, rows * scale);
    this.drawGuests(pen, scale, left, top);
    if (this.content.field) {
      pen.imageSmoothingEnabled = true;
      pen.drawImage(this.overlay, left, top, columns * scale, rows * scale);
    }
    pen.strokeStyle = css(this.content.ink, 0.22);
    pen.lineWidth = 1;
    pen.strokeRect(left - 0.5, top - 0.5, columns * scale + 1, rows * scale + 1);
    if (this.pointed) {
      const [column, row] = this.pointed;
      pen.lineWidth = 2;
      pen.strokeStyle = css(this.content.ink);
      pen.strokeRect(left + column * scale - 1, top + row * scale - 1, scale + 2, scale + 2);
    }
    this.drawBar(pen, scale, { wide, high, left, right: left + columns * scale, bottom: top + rows * scale, beside });
  }

  drawGuests(pen, scale, left, top) {
    const [columns, rows] = this.content.shape;
    const small = scale < LEAST_MARK;
    const side = small ? scale : Math.max(2, Math.round(MARK * scale));
    for (const { levels, bit, full, colour, upperRight } of this.content.guests) {
      const [over, alone] = [css(colour, small ? TINT : 1), css(colour, small ? ALONE : 1)];
      for (let column = 0; column < columns; column += 1) {
        for (let row = 0; row < rows; row += 1) {
          const code = levels[column * rows + row];
          if (!(code & bit) || (code & 31) === 31 || full.includes(code & 31)) continue;
          pen.fillStyle = code & 31 ? over : alone;
          const x = left + column * scale + (small || !upperRight ? 0 : scale - side);
          const y = top + row * scale + (small || upperRight ? 0 : scale - side);
          pen.fillRect(x, y, side, side);
        }
      }
    }
  }

  drawBar(pen, scale, { wide, high, left, right, bottom, beside }) {
    const perDot = scale / this.content.spacing;
    const length = BARS.filter((one) => one * perDot <= (beside ? BESIDE - 16 : Math.min(140, wide * 0.4))).at(-1);
    if (!length) return;
    const words = lengthWords(length);
    pen.font = "600 11px system-ui, sans-serif";
    const room = Math.max(length * perDot, pen.measureText(words).width) + 16;
    const below = !beside && bottom + BAR <= high;
    const x = beside ? right : below ? Math.max(left, 0) - 8 : Math.max(left, 0) + 8;
    const y = beside ? (high + 24) / 2 : below ? bottom + BAR - 2 : Math.min(bottom, high) - 8;
    if (!below && !beside) {
      pen.fillStyle = css(this.content.ground, 0.86);
      pen.beginPath();
      pen.roundRect(x, y - 27, room, 27, 5);
      pen.fill();
    }
    pen.fillStyle = css(this.content.ink);
    pen.textBaseline = "alphabetic";
    pen.fillText(words, x + 8, y - 13);
    pen.fillRect(x + 8, y - 8, length * perDot, 2.5);
  }
}

function paint(canvas, columns, rows, layers) {
  if (canvas.width !== columns || canvas.height !== rows) {
    canvas.width = columns;
    canvas.height = rows;
  }
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(columns, rows);
  const dots = new Uint32Array(image.data.buffer);
  for (const { levels, lut } of layers) {
    const colours = new Uint32Array(lut.buffer);
    for (let column = 0; column < columns; column += 1) {
      for (let row = 0; row < rows; row += 1) {
        const colour = colours[levels[column * rows + row]];
        if (colour >>> 24) dots[row * columns + column] = colour;
      }
    }
  }
  pen.putImageData(image, 0, 0);
}
