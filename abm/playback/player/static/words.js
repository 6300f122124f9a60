// SPDX-License-Identifier: Apache-2.0
// Numbers and times in words, as short as a reader can use them.

const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

export const raised = (power) => String(power).replace(/[-0-9]/g, (sign) => RAISED[sign]);

// Two digits, or three from 100 on.
export function figure(value) {
  if (!Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-3) {
    const [mantissa, power] = value.toExponential(1).split("e");
    const rounded = mantissa.replace(/\.0$/, "");
    return `${rounded === "1" ? "" : `${rounded}·`}10${raised(Number(power))}`;
  }
  const rounded = Number(value.toPrecision(size >= 100 ? 3 : 2));
  return size >= 1000 ? rounded.toLocaleString("en-GB") : String(rounded);
}

export const count = (value) => (value >= 1e7 ? figure(value) : value.toLocaleString("en-GB"));

export function share(value) {
  if (value <= 0) return "0";
  if (value < 1e-4) return figure(value);
  return `${figure(100 * value)} %`;
}

export function quantity(value, unit) {
  if (!Number.isFinite(value)) return "–";
  if (unit === "share of cells") return share(value);
  return figure(value);
}

export function dayNumber(day) {
  const rounded = Math.round(day * 100) / 100;
  return (Object.is(rounded, -0) ? 0 : rounded).toFixed(Number.isInteger(rounded * 10) ? 1 : 2).replace("-", "−");
}

export const dayWords = (day) => `day ${dayNumber(day).replace(/\.0$/, "")}`;

// Evenly spaced round numbers between two values, about so many.
export function roundSteps(low, high, about) {
  if (!(high > low)) return [low];
  const rough = (high - low) / Math.max(about, 1);
  const decade = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * decade >= rough) * decade;
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9); at <= high / step + 1e-6; at += 1) found.push(at * step);
  return found.map((at) => Number(at.toPrecision(12)));
}

export function lengthWords(micrometres) {
  if (micrometres >= 1000) return `${Number((micrometres / 1000).toPrecision(3))} mm`;
  return `${Number(micrometres.toPrecision(4))} µm`;
}
