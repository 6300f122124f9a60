// SPDX-License-Identifier: Apache-2.0
// A lattice in three dimensions: rays walk from site to site through a 3-D texture (Amanatides and Woo 1987), so that every
// cell is a cube, whatever their number. Turned by dragging, magnified by the wheel.

import { h } from "player/dom";

const VERTEX = `#version 300 es
void main() {
  vec2 corner = vec2((gl_VertexID << 1) & 2, gl_VertexID & 2);
  gl_Position = vec4(2.0 * corner - 1.0, 0.0, 1.0);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
precision highp int;
precision highp usampler3D;
uniform usampler3D volume;
uniform sampler2D colours;
uniform ivec3 sites;
uniform vec2 size;
uniform mat3 turn;
uniform float far;
uniform vec3 ground;
uniform vec3 ink;
out vec4 shown;

float edge(vec3 at, vec3 whole) {
  vec3 near = min(at, whole - at) / max(whole.x, max(whole.y, whole.z));
  float two = near.x + near.y + near.z - max(near.x, max(near.y, near.z));
  return 1.0 - smoothstep(0.0015, 0.0045, two);
}

void main() {
  vec3 whole = vec3(sites);
  vec2 place = (2.0 * gl_FragCoord.xy - size) / min(size.x, size.y);
  vec3 ray = turn * normalize(vec3(place * 0.36, -1.0));
  vec3 eye = turn * vec3(0.0, 0.0, far * 0.5 * length(whole)) + 0.5 * whole;
  vec3 inverse = 1.0 / (ray + vec3(equal(ray, vec3(0.0))) * 1e-7);
  vec3 one = -eye * inverse;
  vec3 other = (whole - eye) * inverse;
  vec3 least = min(one, other);
  float enter = max(max(least.x, max(least.y, least.z)), 0.0);
  vec3 most = max(one, other);
  float leave = min(most.x, min(most.y, most.z));
  vec3 light = vec3(0.0);
  float left = 1.0;
  if (leave > enter) {
    float line = 0.5 * edge(clamp(eye + ray * enter, vec3(0.0), whole), whole);
    light += left * line * ink;
    left *= 1.0 - line;
    vec3 at = eye + ray * (enter + 1e-3);
    ivec3 site = clamp(ivec3(floor(at)), ivec3(0), sites - 1);
    ivec3 step = ivec3(sign(ray));
    vec3 each = abs(inverse);
    vec3 next = (vec3(site) + max(sign(ray), 0.0) - eye) * inverse;
    vec3 face = vec3(equal(least, vec3(enter)));
    int limit = sites.x + sites.y + sites.z;
    for (int number = 0; number <= limit; number += 1) {
      uint level = texelFetch(volume, site.zyx, 0).r;
      vec4 colour = texelFetch(colours, ivec2(int(level), 0), 0);
      if (colour.a > 0.0) {
        float shade = dot(face, vec3(0.86, 0.72, 1.0));
        light += left * colour.a * colour.rgb * shade;
        left *= 1.0 - colour.a;
        if (left < 0.02) break;
      }
      if (next.x < next.y && next.x < next.z) { site.x += step.x; next.x += each.x; face = vec3(1.0, 0.0, 0.0); }
      else if (next.y < next.z) { site.y += step.y; next.y += each.y; face = vec3(0.0, 1.0, 0.0); }
      else { site.z += step.z; next.z += each.z; face = vec3(0.0, 0.0, 1.0); }
      if (any(lessThan(site, ivec3(0))) || any(greaterThanEqual(site, sites))) {
        float behind = 0.35 * edge(clamp(eye + ray * leave, vec3(0.0), whole), whole);
        light += left * behind * ink;
        left *= 1.0 - behind;
        break;
      }
    }
  }
  shown = vec4(light + left * ground, 1.0);
}`;

const NEAREST = 1.2;
const FARTHEST = 12;

export class VolumeView {
  // `share` is the direction of view, one for all volumes on the page.
  constructor(share, turned) {
    this.canvas = h("canvas",
      { class: "volume", tabindex: 0, role: "img", "aria-label": "Three-dimensional view; arrow keys turn it" });
    this.view = share;
    this.turned = turned;
    this.gl = this.canvas.getContext("webgl2", { antialias: false, alpha: false, preserveDrawingBuffer: true });
    if (this.gl) this.prepare();
    this.listen();
    this.canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    this.canvas.addEventListener("webglcontextrestored", () => {
      this.prepare();
      if (this.content) this.show(this.content);
    });
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  get works() {
    return Boolean(this.gl && this.program);
  }

  prepare() {
    const gl = this.gl;
    const program = gl.createProgram();
    for (const [kind, words] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, words);
      gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)
        && !gl.isContextLost()) throw new Error(gl.getShaderInfoLog(shader));
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    this.program = program;
    this.places = Object.fromEntries(
      ["volume", "colours", "sites", "size", "turn", "far", "ground", "ink"]
        .map((name) => [name, gl.getUniformLocation(program, name)]));
    this.textures = { volume: gl.createTexture(), colours: gl.createTexture() };
    for (const [target, texture] of [[gl.TEXTURE_3D, this.textures.volume], [gl.TEXTURE_2D, this.textures.colours]]) {
      gl.bindTexture(target, texture);
      for (const parameter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(target, parameter, gl.NEAREST);
      for (const parameter of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T, gl.TEXTURE_WRAP_R]) gl.texParameteri(target, parameter,
        gl.CLAMP_TO_EDGE);
    }
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  }

  listen() {
    const canvas = this.canvas;
    let grip = null;
    canvas.addEventListener("pointerdown", (event) => {
      grip = [event.clientX, event.clientY];
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!grip) return;
      this.rotate((event.clientX - grip[0]) * 0.008, (event.clientY - grip[1]) * 0.008);
      grip = [event.clientX, event.clientY];
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { grip = null; });
    canvas.addEventListener("dblclick", () => {
      Object.assign(this.view, { yaw: 0.65, pitch: 0.45, far: 2.95 });
      this.turned();
    });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.view.far = Math.min(Math.max(this.view.far * Math.exp(event.deltaY * 0.001), NEAREST), FARTHEST);
      this.turned();
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const turn = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }[event.key];
      if (!turn) return;
      event.preventDefault();
      event.stopPropagation();
      this.rotate(...turn);
    });
  }

  rotate(yaw, pitch) {
    this.view.yaw -= yaw;
    this.view.pitch = Math.min(Math.max(this.view.pitch + pitch, -1.55), 1.55);
    this.turned();
  }

  // content: { levels, shape: [x, y, z], lut: RGBA by level, alpha is opacity, ground, ink }
  show(content) {
    this.content = content;
    if (!this.works) return;
    const gl = this.gl;
    const [x, y, z] = content.shape;
    gl.bindTexture(gl.TEXTURE_3D, this.textures.volume);
    gl.texImage3D(gl.TEXTURE_3D, 0, gl.R8UI, z, y, x, 0, gl.RED_INTEGER, gl.UNSIGNED_BYTE, content.levels);
    gl.bindTexture(gl.TEXTURE_2D, this.textures.colours);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(content.lut.buffer));
    this.draw();
  }

  draw() {
    if (!this.works || !this.content || !this.canvas.clientWidth) return;
    const { gl, canvas, places, view } = this;
    const dots = Math.min(window.devicePixelRatio || 1, 1.5, 1400 / canvas.clientWidth);
    const [wide, high] = [canvas.clientWidth, canvas.clientHeight].map((side) => Math.max(1, Math.round(side * dots)));
    if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
    gl.viewport(0, 0, wide, high);
    gl.useProgram(this.program);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_3D, this.textures.volume);
    gl.activeTexture(gl.TEXTURE1);
    gl.bindTexture(gl.TEXTURE_2D, this.textures.colours);
    gl.uniform1i(places.volume, 0);
    gl.uniform1i(places.colours, 1);
    gl.uniform3i(places.sites, ...this.content.shape);
    gl.uniform2f(places.size, wide, high);
    gl.uniformMatrix3fv(places.turn, false, rotation(view.yaw, view.pitch));
    gl.uniform1f(places.far, view.far);
    gl.uniform3f(places.ground, ...this.content.ground.map((value) => value / 255));
    gl.uniform3f(places.ink, ...this.content.ink.map((value) => value / 255));
    gl.activeTexture(gl.TEXTURE0);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }
}

// Columns: right, up and back of a camera turned about the vertical by yaw, then up by pitch; z of the lattice is up.
function rotation(yaw, pitch) {
  const [sy, cy, sp, cp] = [Math.sin(yaw), Math.cos(yaw), Math.sin(pitch), Math.cos(pitch)];
  return new Float32Array([-sy, cy, 0, -cy * sp, -sy * sp, cp, cy * cp, sy * cp, sp]);
}
