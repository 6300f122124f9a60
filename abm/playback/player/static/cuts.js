// SPDX-License-Identifier: Apache-2.0
// What of a volume is shown; the same as abm/playback/player/cuts.py does for volumes that are not sent whole.

const OTHER_CELL = 255;
const GUESTS = 0xc0;

export const cutWords = (cut) =>
  (cut.what === "whole" || cut.what === "reduced" ? cut.what : `${cut.what}:${cut.axis}:${cut.number}`);

export function flatShape(shape, axis) {
  return shape.filter((_, at) => at !== axis);
}

function strides([, y, z]) {
  return [y * z, z, 1];
}

// Calls back with the place in the flat picture, and the first place and the step of its line of sight.
function lines(shape, axis, each) {
  const step = strides(shape);
  const [one, other] = [0, 1, 2].filter((at) => at !== axis);
  let place = 0;
  for (let a = 0; a < shape[one]; a += 1) {
    for (let b = 0; b < shape[other]; b += 1) {
      each(place, a * step[one] + b * step[other], step[axis]);
      place += 1;
    }
  }
}

export function codesByRank(ranks) {
  const codes = new Uint8Array(256);
  for (let code = 255; code >= 0; code -= 1) codes[ranks[code]] = code;
  codes[0] = 0;
  return codes;
}

export function cutVolume(volume, shape, cut, layer, ranks) {
  if (cut.what === "whole" || cut.what === "reduced") return volume;
  const [one, other] = flatShape(shape, cut.axis);
  const flat = new Uint8Array(one * other);
  const deep = shape[cut.axis];
  if (cut.what === "plane") {
    lines(shape, cut.axis, (place, first, step) => { flat[place] = volume[first + cut.number * step]; });
  } else if (cut.what === "density") {
    lines(shape, cut.axis, (place, first, step) => {
      let found = 0;
      for (let at = 0; at < deep; at += 1) if ((volume[first + at * step] & 31) === cut.number) found += 1;
      flat[place] = Math.ceil((255 * found) / deep);
    });
  } else if (layer === "codes") {
    const shown = Uint8Array.from(ranks);
    for (let code = 0; code < 256; code += 1) if ((code & 31) < 31 && (cut.number >>> (code & 31)) & 1) shown[code] = 0;
    const codes = codesByRank(ranks);
    lines(shape, cut.axis, (place, first, step) => {
      let rank = 0;
      let guests = 0;
      for (let at = 0; at < deep; at += 1) {
        const code = volume[first + at * step];
        if (shown[code] > rank) rank = shown[code];
        if ((code & 31) !== 31) guests |= code & GUESTS;
      }
      const seen = codes[rank];
      flat[place] = (seen & 31) === 31 ? seen : seen | guests;
    });
  } else {
    lines(shape, cut.axis, (place, first, step) => {
      let level = 0;
      for (let at = 0; at < deep; at += 1) {
        const found = volume[first + at * step];
        if (found === 0) continue;
        if (level === 0 || level === OTHER_CELL || (found !== OTHER_CELL && found > level)) level = found;
      }
      flat[place] = level;
    });
  }
  return flat;
}
