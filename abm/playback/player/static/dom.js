// SPDX-License-Identifier: Apache-2.0
// Elements made in one line, icons, and calls that come too often made rarer.

const SVG = "http://www.w3.org/2000/svg";

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(element.style, value);
    else if (name === "dataset") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat()) if (child !== null && child !== undefined && child !== false) element.append(child);
  return element;
}

export const h = (tag, attributes, ...children) => filled(document.createElement(tag), attributes, children);
export const s = (tag, attributes, ...children) => filled(document.createElementNS(SVG, tag), attributes, children);

const PATHS = {
  play: ["M8 5.5v13l10.5-6.5z"],
  pause: ["M7.5 5.5h3v13h-3z", "M13.5 5.5h3v13h-3z"],
  first: ["M6 5.5h2v13H6z", "M18.5 5.5v13L9.5 12z"],
  last: ["M16 5.5h2v13h-2z", "M5.5 5.5v13l9-6.5z"],
  back: ["M15.5 5.5v13L7 12z"],
  on: ["M8.5 5.5v13L17 12z"],
};
const LINES = {
  loop: ["M17 3.5l3 3-3 3", "M4 11.5v-1a4 4 0 0 1 4-4h12", "M7 20.5l-3-3 3-3", "M20 12.5v1a4 4 0 0 1-4 4H4"],
  help: ["M9.2 9.2a2.9 2.9 0 0 1 5.7.8c0 1.9-2.9 2.6-2.9 4.2", "M12 17.6v.2",
    "M12 21.2a9.2 9.2 0 1 0 0-18.4 9.2 9.2 0 0 0 0 18.4z"],
  share: ["M10 13.5a4.2 4.2 0 0 0 6.2.4l2.6-2.6a4.3 4.3 0 0 0-6-6L11.5 6.5",
    "M14 10.5a4.2 4.2 0 0 0-6.2-.4l-2.6 2.6a4.3 4.3 0 0 0 6 6l1.3-1.2"],
  theme: ["M12 3.2v2M12 18.8v2M3.2 12h2M18.8 12h2M5.8 5.8l1.4 1.4M16.8 16.8l1.4 1.4M5.8 18.2l1.4-1.4M16.8 7.2l1.4-1.4",
    "M12 16.2a4.2 4.2 0 1 0 0-8.4 4.2 4.2 0 0 0 0 8.4z"],
  close: ["M6.5 6.5l11 11", "M17.5 6.5l-11 11"],
};

export function icon(name) {
  const shapes = (PATHS[name] ?? []).map((d) => s("path", { d, fill: "currentColor" }));
  const lines = (LINES[name] ?? []).map((d) =>
    s("path", { d, fill: "none", stroke: "currentColor", "stroke-width": 1.7, "stroke-linecap": "round",
      "stroke-linejoin": "round" }));
  return s("svg", { viewBox: "0 0 24 24", width: 20, height: 20, "aria-hidden": "true" }, shapes, lines);
}

export function segmented(label, options, chosen, choose) {
  const group = h("div", { class: "segmented", role: "radiogroup", "aria-label": label });
  for (const [value, words, title] of options) {
    group.append(h("button", {
      type: "button", role: "radio", "aria-checked": String(value === chosen), title, "data-value": value,
      onclick: () => choose(value),
    }, words));
  }
  return group;
}

export function selection(label, options, chosen, choose, id) {
  let pointed = false;
  const list = h("select", {
    id, "aria-label": label, onpointerdown: () => { pointed = true; }, onkeydown: () => { pointed = false; },
    onchange: () => {
      if (pointed) list.blur(); // the next key is meant for the player
      choose(list.value);
    },
  });
  for (const [value, words, enabled] of options) {
    list.append(h("option", { value, disabled: enabled === false, selected: value === chosen }, words));
  }
  list.value = chosen;
  return list;
}

export function later(wait, call) {
  let timer = 0;
  const waiting = (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(...given), wait);
  };
  waiting.cancel = () => clearTimeout(timer);
  return waiting;
}
