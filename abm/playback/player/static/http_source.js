// SPDX-License-Identifier: Apache-2.0
// Where frames come from when abm serves them: asked for one at a time, as they are needed.

export class HttpSource {
  constructor(token) {
    this.token = token;
    this.follows = true;
    this.history = true;
    this.received = 0;
  }

  async ask(path, query = {}, signal) {
    const words = new URLSearchParams({ ...query, token: this.token });
    let answer;
    try {
      answer = await fetch(`${path}?${words}`, { signal, cache: "no-store", credentials: "omit" });
    } catch (error) {
      if (error.name === "AbortError" || signal?.aborted) throw error;
      throw new Error("abm play no longer answers: it was ended, or the connection is down");
    }
    if (!answer.ok) {
      const told = await answer.json().catch(() => ({}));
      throw new Error(told.error ?? `${answer.status} ${answer.statusText}`);
    }
    return answer;
  }

  async json(path, query, signal) {
    return (await this.ask(path, query, signal)).json();
  }

  runs() {
    return this.json("runs");
  }

  standing() {
    return this.json("standing");
  }

  offers(place, layer, cut) {
    if (place.whole || cut.what === "reduced") return cut.what === "reduced" && !place.whole ? cut : { what: "whole" };
    return cut;
  }

  holdsAll() {
    return true;
  }

  async frame({ run, place, layer, frame, cut }, signal) {
    const answer = await this.ask("frame", { run, place, layer, frame, cut }, signal);
    const content = await answer.arrayBuffer();
    this.received += Number(answer.headers.get("Content-Length") ?? 0);
    return readPacket(content);
  }

  cellsAt(run, place, frame, [x, y, z], signal) {
    return this.json("cells", { run, place, frame, x, y, z }, signal);
  }

  historyOf(run, uid, signal) {
    return this.json("history", { run, uid }, signal);
  }
}

export function readPacket(content) {
  const length = new DataView(content).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(content, 4, length)));
  return { head, shape: head.shape, levels: new Uint8Array(content, 4 + length) };
}
