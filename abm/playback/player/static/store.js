// SPDX-License-Identifier: Apache-2.0
// What the page shows, in one place: components read it, change it, and hear of changes. The address keeps it.

const START = {
  tick: null, playing: false, speed: 10, loop: false, live: false, view: "slice", density: null, colour: "kind", overlay: "",
  hidden: [], planes: {}, theme: null,
};

export class Store {
  constructor() {
    this.state = { ...START };
    this.heard = [];
    this.changed = new Set();
  }

  get(name) {
    return this.state[name];
  }

  set(changes) {
    for (const [name, value] of Object.entries(changes)) {
      if (this.state[name] === value) continue;
      this.state[name] = value;
      this.changed.add(name);
    }
    if (!this.changed.size || this.telling) return;
    this.telling = true;
    // Once for all changes of a moment.
    queueMicrotask(() => {
      this.telling = false;
      const changed = this.changed;
      this.changed = new Set();
      for (const hear of this.heard) hear(changed);
    });
  }

  hear(call) {
    this.heard.push(call);
  }

  plane(place) {
    const chosen = this.state.planes[place.name];
    const axis = chosen?.axis ?? place.axis;
    const middle = Math.floor(place.shape[axis] / 2);
    return { axis, number: Math.min(chosen?.axis === axis ? chosen.number ?? middle : middle, place.shape[axis] - 1) };
  }

  setPlane(place, change) {
    const planes = { ...this.state.planes, [place.name]: { ...this.plane(place), ...change } };
    if (change.axis !== undefined
      && change.number === undefined) planes[place.name].number = Math.floor(place.shape[change.axis] / 2);
    this.set({ planes });
  }

  toFragment(ticksPerDay) {
    const { tick, view, density, colour, overlay, hidden, planes, speed, loop, theme } = this.state;
    const words = new URLSearchParams();
    if (tick !== null) words.set("day", String(Number((tick / ticksPerDay).toFixed(4))));
    if (view !== START.view) words.set("view", view === "density" ? `density-${density}` : view);
    if (colour !== START.colour) words.set("colour", colour);
    if (overlay) words.set("overlay", overlay);
    if (hidden.length) words.set("hide", hidden.join("."));
    if (speed !== START.speed) words.set("speed", speed);
    if (loop) words.set("loop", 1);
    if (theme) words.set("theme", theme);
    for (const [place, { axis, number }] of Object.entries(planes)) words.set(`plane-${place}`, `${"xyz"[axis]}${number}`);
    return words.toString();
  }

  fromFragment(fragment, ticksPerDay) {
    const words = new URLSearchParams(fragment.replace(/^#/, ""));
    const found = {};
    const day = Number.parseFloat(words.get("day"));
    if (Number.isFinite(day)) found.tick = Math.round(day * ticksPerDay);
    const view = words.get("view") ?? "";
    if (["slice", "front", "3d"].includes(view)) found.view = view;
    const density = /^density-(\d+)$/.exec(view);
    if (density) Object.assign(found, { view: "density", density: Number(density[1]) });
    for (const name of ["colour", "overlay"]) if (words.has(name)) found[name] = words.get(name);
    if (words.has("hide")) found.hidden = words.get("hide").split(".").map(Number).filter(Number.isInteger);
    const speed = Number(words.get("speed"));
    if (speed > 0 && speed <= 60) found.speed = speed;
    found.loop = words.get("loop") === "1";
    if (["light", "dark"].includes(words.get("theme"))) found.theme = words.get("theme");
    const planes = {};
    for (const [name, value] of words) {
      const plane = /^([xyz])(\d+)$/.exec(value);
      if (name.startsWith("plane-") && plane) planes[name.slice(6)] = { axis: "xyz".indexOf(plane[1]),
        number: Number(plane[2]) };
    }
    found.planes = planes;
    this.set(found);
  }
}
