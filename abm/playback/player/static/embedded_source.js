// SPDX-License-Identifier: Apache-2.0
// Where frames come from in a page that holds its run: blocks of frames, each the difference from the one before, gzipped.

import { BoundedCache } from "player/cache";
import { cutWords } from "player/cuts";

const DECODED_BYTES = 96 * 2 ** 20;

export class EmbeddedSource {
  constructor(data) {
    this.data = data;
    this.follows = false;
    this.history = false;
    this.received = 0;
    this.blocks = new BoundedCache(DECODED_BYTES);
    this.streams = new Map(data.streams
      .map((stream) => [`${stream.run}/${stream.place}/${stream.layer}/${stream.cut}`, stream]));
  }

  async runs() {
    return this.data.runs;
  }

  async standing() {
    return [];
  }

  // The whole volume if the page holds it; of cuts the one that comes nearest.
  offers(place, layer, cut) {
    const held = place.offers?.[layer] ?? [];
    if (held.includes("whole")) return { what: "whole" };
    if (held.includes(cutWords(cut))) return cut;
    const near = held.find((words) => words.startsWith(cut.what)) ?? held[0];
    if (!near) return cut;
    const [what, axis, number] = near.split(":");
    return { what, axis: Number(axis), number: Number(number) };
  }

  holdsAll(place) {
    return place.offers?.codes?.includes("whole") ?? true;
  }

  async frame({ run, place, layer, frame, cut }) {
    const key = `${run}/${place}/${layer}/${cut}`;
    const stream = this.streams.get(key);
    if (!stream) throw new Error("this page does not hold what was asked for; play the file itself to see it");
    const number = Math.floor(frame / stream.block);
    const frames = await this.blocks.get(`${key}/${number}`, () => unpack(stream, number));
    const levels = frames[frame - number * stream.block];
    return { head: stream.heads[frame], shape: stream.shape, levels };
  }
}

async function unpack(stream, number) {
  const text = atob(stream.blocks[number]);
  const packed = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const opened = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const raw = new Uint8Array(await new Response(opened).arrayBuffer());
  const size = stream.shape.reduce((product, side) => product * side, 1);
  const frames = [];
  for (let first = 0; first < raw.length; first += size) {
    const frame = raw.subarray(first, first + size);
    const before = frames.at(-1);
    if (before) for (let at = 0; at < size; at += 1) frame[at] ^= before[at];
    frames.push(frame);
  }
  return { value: frames, size: raw.length };
}
