// SPDX-License-Identifier: Apache-2.0
// Colours: those of the file made legible on the theme, continuous scales, and look-up tables by level.
//
// viridis, cividis and magma are those of matplotlib (CC0), at 13 points between which is interpolated.

const SCALES = {
  viridis: "440154481f704439833b528b31688e287c8e21918c20a48635b7795ec96290d743c8e020fde725",
  cividis: "00224e0031702a3f6d434e6c575d6d6a6c717d7c78918b78a59c74bcae6cd2c060e9d34efee838",
  magma: "000004100b2d2c115f51127c721f81932b80b73779d8456cf1605dfc8961feb078fed799fcfdbf",
};

export const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

function table(hex) {
  const found = [];
  for (let at = 0; at + 6 <= hex.length; at += 6) found.push(rgb(`#${hex.slice(at, at + 6)}`));
  return found;
}

export const css = ([r, g, b], alpha = 1) => (alpha < 1 ? `rgb(${r} ${g} ${b} / ${alpha})` : `rgb(${r} ${g} ${b})`);
export const mix = (one, other, part) => one.map((value, at) => Math.round(value * (1 - part) + other[at] * part));

const POINTS = Object.fromEntries(Object.entries(SCALES).map(([name, hex]) => [name, table(hex)]));

export function scaleColour(name, part) {
  const points = POINTS[name];
  const at = Math.min(Math.max(part, 0), 1) * (points.length - 1);
  const low = Math.min(Math.floor(at), points.length - 2);
  return mix(points[low], points[low + 1], at - low);
}

function luminance(colour) {
  const [r, g, b] = colour.map((value) =>
    (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

const contrast = (one, other) => {
  const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
};

// The colour itself, or one as near to it as can be told from the ground.
export function legible(hex, dark, least = 2.6) {
  const ground = dark ? [22, 26, 32] : [255, 255, 255];
  const goal = dark ? [255, 255, 255] : [0, 0, 0];
  let colour = rgb(hex);
  for (let part = 0.06; contrast(colour, ground) < least && part < 1; part += 0.06) colour = mix(rgb(hex), goal, part);
  return colour;
}

const BOUND = 0.35;
const OKABE_ITO = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a7a00", "#5a4fb0"];
const PROGRAMME = ["#56b4e9", "#009e73", "#e69f00", "#cc3d6d", "#7a6ad8"];
const ground = (dark) => (dark ? [22, 26, 32] : [255, 255, 255]);

export class Palette {
  constructor(run, dark) {
    this.run = run;
    this.dark = dark;
    this.void = ground(dark);
    this.other = dark ? [72, 79, 89] : [206, 208, 212];
    this.kinds = new Map(run.kinds.map((kind) => [kind.code, this.kindColour(kind)]));
    this.tissues = new Map(run.tissues.map((tissue) => [tissue.code, this.tissueColour(tissue)]));
  }

  kindColour(kind) {
    if (kind.name === "background") return this.dark ? [47, 52, 60] : rgb(kind.colour);
    return this.dark ? legible(kind.colour, true, 3.4) : rgb(kind.colour);
  }

  tissueColour(tissue) {
    const colour = rgb(tissue.colour);
    if (!this.dark) return colour;
    return tissue.label === "fat" ? [58, 53, 38] : tissue.label === "bone" ? [92, 104, 118] : [150, 40, 84];
  }

  guest(mark) {
    return this.dark ? legible(mark.colour, true, 3.4) : rgb(mark.colour);
  }

  line(hex) {
    return css(legible(hex, this.dark, this.dark ? 4 : 2.2));
  }

  // RGBA by site code. What is muted is kept as a ground for other layers: tissue and room alone.
  codes({ hidden = new Set(), muted = false } = {}) {
    const found = new Uint8ClampedArray(1024);
    for (let code = 0; code < 256; code += 1) {
      const kind = code & 31;
      let colour = this.void;
      if (kind === 31) colour = this.tissues.get(code & 0x7f) ?? this.tissues.get(31);
      else if (kind !== 0 && muted) colour = this.isBackground(kind) ? mix(this.kinds.get(kind), this.void, 0.55) : this.void;
      else if (kind !== 0 && !hidden.has(kind)) {
        colour = this.kinds.get(kind) ?? [127, 127, 127];
        if (code & 0x20) colour = mix(colour, [255, 255, 255], BOUND);
      }
      if (muted && kind === 31) colour = mix(colour, this.void, 0.45);
      found.set([...colour, 255], 4 * code);
    }
    return found;
  }

  isBackground(kind) {
    return this.run.kinds.some((one) => one.code === kind && one.name === "background");
  }

  density(kind) {
    const colour = this.kinds.get(kind) ?? [127, 127, 127];
    const found = new Uint8ClampedArray(1024);
    for (let level = 0; level < 256; level += 1) found.set([...mix(this.void, colour, (level / 255) ** 0.5), 255], 4 * level);
    return found;
  }

  // RGBA by level of a layer of cells; 0 is transparent.
  cells(layer) {
    const found = new Uint8ClampedArray(1024);
    for (let level = 1; level < 255; level += 1) found.set([...this.cellColour(layer, level), 255], 4 * level);
    found.set([...this.other, 255], 4 * 255);
    return found;
  }

  cellColour(layer, level) {
    if (layer === "state") return this.fit(PROGRAMME[(level - 1) % PROGRAMME.length]);
    if (layer === "clone") return this.fit(OKABE_ITO[(level - 1) % OKABE_ITO.length]);
    if (layer === "exhaustion") return level === 254 ? this.fit("#d62f6f") : scaleColour("cividis", (level - 1) / 20);
    return scaleColour("viridis", (level - 1) / 253);
  }

  fit(hex) {
    return legible(hex, this.dark, 2);
  }

  // RGBA by level of a field, between two levels; faint where there is little, and nothing where there is none (level 1).
  field(low, high) {
    const found = new Uint8ClampedArray(1024);
    for (let level = 2; level < 255; level += 1) {
      const part = Math.min(Math.max((level - low) / Math.max(high - low, 1), 0), 1);
      found.set([...scaleColour("magma", this.dark ? 0.15 + 0.85 * part : 1 - 0.85 * part),
        Math.round(255 * (0.08 + 0.62 * part))], 4 * level);
    }
    return found;
  }
}

const LEAST_TOP = 0.1;

// The top of the colours of each field, the same for all runs and frames: the highest concentration, rounded up.
export function fieldTops(runs) {
  const found = {};
  for (const [name, highest] of runs.flatMap((run) => Object.entries(run.highest))) {
    const rounded = 10 ** (Math.ceil(Math.log10(Math.max(highest, LEAST_TOP)) * 2) / 2);
    found[name] = Math.max(found[name] ?? 0, rounded);
  }
  return found;
}
