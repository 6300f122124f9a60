// SPDX-License-Identifier: Apache-2.0
// Frames by time: which frame of a layer shows a tick, fetched, kept, cut, and asked for ahead while playing.

import { BoundedCache } from "player/cache";
import { cutVolume, cutWords, flatShape } from "player/cuts";

const KEPT_BYTES = 128 * 2 ** 20;

// The last frame up to a tick; -1 before the first, so that nothing is shown before it happened, and if there is none.
export function frameAt(ticks, tick) {
  let low = 0;
  let high = ticks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ticks[middle] <= tick) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

export class Frames {
  constructor(source) {
    this.source = source;
    this.cache = new BoundedCache(KEPT_BYTES);
  }

  number(place, layer, tick) {
    return frameAt(place.layers[layer] ?? [], tick);
  }

  // What shows a layer of a place at a tick: { head, shape, levels, cut }, cut as it could be had.
  async get(run, place, layer, tick, cut, signal) {
    const frame = this.number(place, layer, tick);
    if (frame < 0) return null;
    const had = this.source.offers(place, layer, cut);
    const words = cutWords(had);
    const key = `${run.index}/${run.version}/${place.name}/${layer}/${place.layers[layer][frame]}/${words}`;
    const found = await this.cache.get(key, async (stop) => {
      const value = await this.source.frame({ run: run.index, place: place.name, layer, frame, cut: words }, stop);
      return { value, size: value.levels.length + 512 };
    }, signal);
    if (had.what !== "whole" || cut.what === "whole" || cut.what === "reduced") return { ...found, cut: had };
    const levels = cutVolume(found.levels, found.shape, cut, layer, run.ranks);
    return { head: found.head, shape: flatShape(found.shape, cut.axis), levels, cut };
  }

  clear() {
    this.cache.clear();
  }
}
