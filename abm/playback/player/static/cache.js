// SPDX-License-Identifier: Apache-2.0
// Things fetched once: a memory bounded in bytes, requests shared by those who wait for them, and given up when nobody does.

export class BoundedCache {
  constructor(limit) {
    this.limit = limit;
    this.bytes = 0;
    this.kept = new Map();
    this.waiting = new Map();
  }

  peek(key) {
    const found = this.kept.get(key);
    if (!found) return undefined;
    this.kept.delete(key);
    this.kept.set(key, found);
    return found.value;
  }

  put(key, value, size) {
    const old = this.kept.get(key);
    if (old) {
      this.bytes -= old.size;
      this.kept.delete(key);
    }
    this.kept.set(key, { value, size });
    this.bytes += size;
    for (const [oldest, { size: freed }] of this.kept) {
      if (this.bytes <= this.limit || this.kept.size === 1) break;
      this.kept.delete(oldest);
      this.bytes -= freed;
    }
  }

  // `fetch(signal)` gives { value, size }. The request ends when all who wait for it have given up.
  async get(key, fetch, signal) {
    const found = this.peek(key);
    if (found !== undefined) return found;
    signal?.throwIfAborted();
    let request = this.waiting.get(key);
    if (!request) {
      const controller = new AbortController();
      request = { controller, waiters: 0 };
      this.waiting.set(key, request);
      request.promise = fetch(controller.signal)
        .then(({ value, size }) => {
          this.put(key, value, size);
          return value;
        })
        .finally(() => {
          if (this.waiting.get(key) === request) this.waiting.delete(key);
        });
      request.promise.catch(() => {});
    }
    request.waiters += 1;
    return new Promise((resolve, reject) => {
      const leave = () => {
        request.waiters -= 1;
        if (request.waiters === 0) {
          if (this.waiting.get(key) === request) this.waiting.delete(key);
          request.controller.abort();
        }
        reject(signal.reason);
      };
      signal?.addEventListener("abort", leave, { once: true });
      request.promise.then(resolve, reject).finally(() => signal?.removeEventListener("abort", leave));
    });
  }

  clear() {
    this.kept.clear();
    this.bytes = 0;
  }
}
