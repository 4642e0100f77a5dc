// The page of a training that is watched: its buttons, sliders, keys and kept frames, the link to the kernel, and a pen
// for a canvas. It stands in front of live.js and of side_by_side.js, which say what is drawn (views/live.py joins them).
//
// Words come in pairs [Korean, English]. In HTML both are there, tagged with lang, and CSS hides one; a
// canvas asks `say`, and is drawn again when the language, the theme or its size changes.

const WORDS = {
  run: ["실행", "Run"],
  pause: ["일시 정지", "Pause"],
  step: ["한 단계", "Step"],
  stop: ["중지", "Stop"],
  replay: ["기록으로 보기", "Play the recording"],
  speed: ["속도", "Speed"],
  ready: ["준비", "ready"],
  running: ["학습 중", "running"],
  playing: ["기록 재생 중", "playing the recording"],
  paused: ["일시 정지됨", "paused"],
  stopped: ["중지됨. 다시 하려면 셀을 다시 실행하십시오", "stopped; run the cell again to start over"],
  finished: ["끝남", "finished"],
  failed: ["오류로 멈춤", "failed"],
  lost: ["연결 끊김", "no link"],
  unseen: ["브라우저 탭이 닫혀서 멈췄습니다. 다시 보면 이어집니다.", "Paused because the tab was closed. It goes on once it is seen again."],
  dead: ["커널과의 연결이 끊어졌습니다. 셀을 다시 실행하십시오.", "The link to the kernel is broken. Run the cell again."],
  silent: [
    "커널이 대답하지 않습니다. 다른 셀이 실행 중이면 기다리고, 아니면 이 셀을 다시 실행하십시오.",
    "The kernel does not answer. If another cell is running, wait; if not, run this cell again.",
  ],
  replaying: [
    "같은 학습을 미리 해 둔 기록입니다. 여러분의 함수가 들어갈 곳에는 참조 함수를 썼습니다. 지금은 아무것도 학습하지 않습니다.",
    "This is a recording of the same training, made beforehand, with the reference's functions in the place of yours. Nothing is being trained.",
  ],
  waiting: ["첫 결과를 기다리고 있습니다.", "Waiting for the first result."],
  steps: ["스텝", "steps"],
  seconds: ["초", "s"],
  time: ["스텝 t", "Step t"],
  moment: ["학습 시점", "Moment of training"],
  now: ["지금", "now"],
  problem: ["문제", "problem"],
  goal: ["목표", "goal"],
  curve: ["테스트 리턴", "Test return"],
  optimal: ["최적", "optimal"],
  walking: ["탐험 없이", "no exploration"],
  envSteps: ["환경 스텝", "env steps"],
};

const OKABE_ITO = ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#b8a800", "#8a8a8a"];
const KEPT_FRAMES = 150;
const PING_MS = 2000;
const SILENT_MS = 20000;
const ENDED = ["stopped", "finished", "failed"];

const language = () => document.documentElement.dataset.courseLang;
function pick([ko, en]) {
  const chosen = language();
  return chosen === "ko" ? ko : chosen === "en" ? en : ko === en ? ko : `${ko} · ${en}`;
}
const say = (key) => pick(WORDS[key]);
const joined = (...parts) => [0, 1].map((i) => parts.map((p) => (Array.isArray(p) ? p[i] : p)).join(""));

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
function write(element, [ko, en]) {
  // Rewritten only when changed: a screen reader and a selection are left alone.
  const text = `${ko}\n${en}`;
  if (element.dataset.text === text) return element;
  element.dataset.text = text;
  if (ko === en) element.replaceChildren(ko);
  else element.replaceChildren(make("span", { lang: "ko" }, ko), make("span", { lang: "en" }, en));
  return element;
}
const words = (key) => write(make("span"), WORDS[key]);
function svg(content, box = "0 0 12 12") {
  const holder = make("span");
  holder.innerHTML = `<svg viewBox="${box}" aria-hidden="true">${content}</svg>`;
  return holder.firstChild;
}
const ICONS = {
  run: '<path d="M2 1l9 5-9 5z"/>',
  pause: '<path d="M2 1h3v10H2zM7 1h3v10H7z"/>',
  step: '<path d="M1 1l7 5-7 5zM9 1h2v10H9z"/>',
  stop: '<path d="M1.5 1.5h9v9h-9z"/>',
  replay: '<path d="M1 1h3.5v10H1zM6 1l5.5 5L6 11z"/>',
};
const BROKEN_LINK =
  '<path d="M9 15l-2 2a3.5 3.5 0 0 1-5-5l3-3M15 9l2-2a3.5 3.5 0 0 1 5 5l-3 3M8 3l1 3M3 8l3 1M16 21l-1-3M21 16l-3-1"/>';

// ---- numbers -------------------------------------------------------------------------------------------

const decimals = (x, n = 2) => (Number.isFinite(x) ? (+x.toFixed(n) || 0).toFixed(n).replace("-", "−") : "–"); // never −0.00
const grouped = (x) => Math.round(x).toLocaleString("en-US");
function short(x) {
  const a = Math.abs(x);
  if (a >= 1e6) return `${+(x / 1e6).toPrecision(3)}M`;
  if (a >= 1e3) return `${+(x / 1e3).toPrecision(3)}k`;
  return `${+x.toPrecision(3)}`;
}
function niceTicks(low, high, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) ticks.push(+(i * step).toPrecision(12));
  return ticks;
}

// ---- frames --------------------------------------------------------------------------------------------

const ARRAYS = { float32: Float32Array, int16: Int16Array, int8: Int8Array };
function unpack({ values, arrays }, buffers) {
  const frame = { ...values };
  arrays.forEach(({ name, type, shape }, i) => {
    const view = buffers[i];
    // A copy, because a typed array must begin at a multiple of its element's size.
    const bytes = view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
    frame[name] = Object.assign(new ARRAYS[type](bytes), { shape });
  });
  return frame;
}
/** The last axis of an array, at an index of each axis before it. */
function row(array, ...index) {
  const long = array.shape[index.length];
  const at = index.reduce((before, i, axis) => before * array.shape[axis] + i, 0);
  return array.subarray(at * long, (at + 1) * long);
}

// ---- drawing -------------------------------------------------------------------------------------------

const FONT = '11px system-ui, -apple-system, "Segoe UI", "Noto Sans KR", "Noto Sans CJK KR", "Malgun Gothic", "NanumGothic", sans-serif';

class Pen {
  constructor(canvas, theme) {
    const ratio = window.devicePixelRatio || 1;
    this.w = canvas.clientWidth;
    this.h = canvas.clientHeight;
    const [pw, ph] = [Math.round(this.w * ratio), Math.round(this.h * ratio)];
    if (canvas.width !== pw || canvas.height !== ph) [canvas.width, canvas.height] = [pw, ph];
    this.g = canvas.getContext("2d");
    this.g.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.g.clearRect(0, 0, this.w, this.h);
    this.g.font = FONT;
    this.g.lineJoin = this.g.lineCap = "round";
    this.theme = theme;
  }
  text(string, x, y, { color = this.theme.soft, align = "left", base = "middle", halo = false, max } = {}) {
    const g = this.g;
    Object.assign(g, { fillStyle: color, textAlign: align, textBaseline: base });
    if (halo) {
      Object.assign(g, { strokeStyle: this.theme.card, lineWidth: 3 });
      g.strokeText(string, x, y, max);
    }
    g.fillText(string, x, y, max);
  }
  line(points, color, width = 1.5, dash = []) {
    const g = this.g;
    Object.assign(g, { strokeStyle: color, lineWidth: width });
    g.setLineDash(dash);
    g.beginPath();
    let down = false;
    for (const [x, y] of points) {
      if (!Number.isFinite(y)) down = false;
      else if (down) g.lineTo(x, y);
      else {
        g.moveTo(x, y);
        down = true;
      }
    }
    g.stroke();
    g.setLineDash([]);
  }
  dot(x, y, r, color) {
    this.g.fillStyle = color;
    this.g.beginPath();
    this.g.arc(x, y, r, 0, 7);
    this.g.fill();
  }
  // Axes with few ticks; returns the two scales.
  axes(xRange, yRange, { xFormat = short, yFormat = (v) => decimals(v, 1), xLabel, left = 32, right = 8, top = 8, yTicks = 4 } = {}) {
    const [x0, x1, y0, y1] = [left, this.w - right, this.h - 30, top];
    const sx = (v) => x0 + ((v - xRange[0]) / (xRange[1] - xRange[0] || 1)) * (x1 - x0);
    const sy = (v) => y0 + ((v - yRange[0]) / (yRange[1] - yRange[0] || 1)) * (y1 - y0);
    for (const v of niceTicks(...yRange, yTicks)) {
      this.line([[x0, sy(v)], [x1, sy(v)]], this.theme.line, 1);
      this.text(yFormat(v), x0 - 5, sy(v), { align: "right" });
    }
    this.line([[x0, y0], [x1, y0]], this.theme.soft, 1);
    for (const v of niceTicks(...xRange, this.w < 260 ? 3 : 4)) {
      const x = sx(v);
      this.text(xFormat(v), Math.min(x, x1 - 4), y0 + 9, { align: "center" });
    }
    if (xLabel) this.text(xLabel, (x0 + x1) / 2, this.h - 5, { align: "center" });
    return { sx, sy, x0, x1, y0, y1 };
  }
}

function mix(a, b, part) {
  return a.map((v, i) => Math.round(v + (b[i] - v) * part));
}
function rgb(color) {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const g = canvas.getContext("2d", { willReadFrequently: true });
  g.fillStyle = color;
  g.fillRect(0, 0, 1, 1);
  return [...g.getImageData(0, 0, 1, 1).data.subarray(0, 3)];
}
function themeOf(root) {
  const style = getComputedStyle(root);
  const theme = {};
  for (const name of ["ink", "soft", "line", "ground", "card", "explore", "execute"]) {
    theme[name] = style.getPropertyValue(`--clv-${name}`).trim();
  }
  theme.rgb = Object.fromEntries(["card", "explore", "execute"].map((n) => [n, rgb(theme[n])]));
  return theme;
}

// ---- the page ------------------------------------------------------------------------------------------

/** Build the page of a training in `el`; what is answered takes it down.
 *
 * `view(page)` answers what differs between the views: `css`, a class; `buttons` and `facts`, elements behind the common
 * buttons and at the end of their row; `body`, elements between that row and the sliders; `sliders`, what to do with the
 * number chosen, by the slider's key; `move(across, down)`, for the arrow keys; `draw(frame, theme)`; `leave()`.
 * `page` gives it `shown()`, the frame that is looked at; `redraw()`; `again()`, which draws a little later, for a
 * canvas that is not laid out yet; and `set(key, max, value, text)`, which sets a slider, or hides it if max is null.
 */
function watch({ model, el }, view) {
  const at = { moment: null, state: "ready", unseen: false, replaying: false, complaint: null, lost: null, heard: Date.now() };
  const frames = [];
  const shown = () => frames[at.moment ?? frames.length - 1];
  const send = (kind, more = {}) => {
    try {
      model.send({ kind, ...more });
    } catch {
      at.lost = "dead";
      tellState();
    }
  };

  let theme = null;
  let drawing = 0;
  let later = 0;
  function redraw() {
    if (!drawing) drawing = requestAnimationFrame(draw);
  }
  function again() {
    clearTimeout(later);
    later = setTimeout(redraw, 200);
  }
  function set(key, max, value, text) {
    const { label, input, output } = sliders[key];
    label.hidden = max === null;
    if (max === null) return;
    input.max = max;
    input.value = value;
    write(output, text);
  }
  const own = view({ shown, redraw, again, set });

  // ---- what is on it, from top to bottom

  const title = model.get("title") ?? {};
  const titleLine = write(make("span", { class: "clv-title" }), [title.ko ?? "", title.en ?? ""]);
  const status = make("span", { class: "clv-status", role: "status" }, make("span"));
  const button = (kind, action) => {
    const b = make("button", { type: "button", "data-do": kind }, svg(ICONS[kind]), words(kind));
    b.addEventListener("click", action);
    return b;
  };
  const toggle = () => send(at.state === "running" ? "pause" : "run");
  const runButton = button("pause", toggle);
  runButton.classList.add("clv-main");
  const stepButton = button("step", () => send("step"));
  const stopButton = button("stop", () => send("stop"));
  const replayButton = button("replay", () => send("replay"));
  replayButton.hidden = !model.get("recorded");
  const speed = make("select", {}, ...["", 20, 10, 5, 2, 1].map((v) => make("option", { value: v }, v ? `${v}/s` : "∞")));
  speed.addEventListener("change", () => send("speed", { value: speed.value ? +speed.value : null }));
  const notice = make("div", { class: "clv-notice", hidden: "", role: "alert" });
  const waiting = make("div", { class: "clv-wait" }, words("waiting"));
  const slider = (key, choose) => {
    const input = make("input", { type: "range", min: 0, max: 0, value: 0 });
    const output = make("output");
    input.addEventListener("input", () => choose(+input.value));
    return [key, { input, output, label: make("label", {}, make("span", { class: "clv-what" }, words(key), output), input) }];
  };
  const sliders = Object.fromEntries([
    ...Object.entries(own.sliders).map(([key, choose]) => slider(key, choose)),
    slider("moment", (value) => {
      at.moment = value >= frames.length - 1 ? null : value;
      redraw();
    }),
  ]);
  const lens = make("div", { class: "clv-lens", hidden: "" }, ...Object.values(sliders).map(({ label }) => label));
  const keys = make("div", { class: "clv-keys", hidden: "" }, words("keys"));
  const root = make(
    "div",
    { class: `clv ${own.css} course-widget`, tabindex: "0", role: "group", "data-lm-suppress-shortcuts": "true", "data-state": "ready", "aria-label": `${title.ko ?? ""} / ${title.en ?? ""}` },
    make("div", { class: "clv-head" }, titleLine, status),
    make("div", { class: "clv-bar" }, make("div", { class: "clv-buttons" }, runButton, stepButton, stopButton, replayButton, ...own.buttons),
      make("label", { class: "clv-speed" }, words("speed"), speed), ...own.facts),
    notice, waiting, ...own.body, lens, keys,
  );
  el.append(root);

  function draw() {
    drawing = 0;
    const frame = shown();
    if (!frame) return;
    theme ??= themeOf(root);
    waiting.hidden = true;
    lens.hidden = keys.hidden = false;
    own.draw(frame, theme);
    const last = frames.length - 1;
    set("moment", last > 0 ? last : null, at.moment ?? last, at.moment === null ? WORDS.now : joined(`${short(frame.env_steps)} `, WORDS.steps));
  }
  function tellState() {
    const ended = ENDED.includes(at.state);
    root.dataset.state = at.state;
    root.toggleAttribute("data-lost", Boolean(at.lost));
    write(status.firstChild, WORDS[at.lost && !ended ? "lost" : at.replaying && at.state === "running" ? "playing" : at.state]);
    const kind = at.state === "running" ? "pause" : "run";
    if (runButton.dataset.do !== kind) {
      runButton.dataset.do = kind;
      runButton.replaceChildren(svg(ICONS[kind]), words(kind));
    }
    for (const control of [runButton, stepButton, stopButton, replayButton, speed]) control.disabled = ended || at.lost === "dead";
    replayButton.disabled ||= at.replaying;
    const message = at.lost && !ended ? WORDS[at.lost] : at.complaint ? [at.complaint.ko, at.complaint.en] : at.unseen ? WORDS.unseen : at.replaying ? WORDS.replaying : null;
    waiting.hidden = ended || frames.length > 0; // nothing comes any more, or something is there
    notice.hidden = !message;
    if (message) notice.replaceChildren(...(at.lost && !ended ? [svg(BROKEN_LINK, "0 0 24 24")] : []), write(make("span"), message));
  }

  // ---- the kernel

  function keep(frame) {
    const atEnd = at.moment === null;
    frames.push(frame);
    if (frames.length > KEPT_FRAMES) {
      const looked = shown();
      // Every second of the older ones goes, so that what stays still spans the whole training; but never the one looked at.
      const last = frames.length - 1;
      frames.splice(0, frames.length, ...frames.filter((f, i) => i % 2 === 0 || i === last || f === looked));
      if (!atEnd) at.moment = frames.indexOf(looked);
    }
  }
  function hear(message, buffers) {
    at.heard = Date.now();
    if (at.lost === "silent") {
      at.lost = null;
      tellState();
    }
    if (message.kind === "frame") {
      const frame = unpack(message, buffers);
      const last = frames[frames.length - 1];
      if (last && last.update === frame.update && last.env_steps === frame.env_steps) frames[frames.length - 1] = frame;
      else keep(frame);
      redraw();
      // Answered once drawn: a browser that can't keep up, or a hidden tab, gets fewer frames.
      requestAnimationFrame(() => send("ack"));
    } else if (message.kind === "anew") {
      frames.length = 0;
      at.moment = null;
    } else if (message.kind === "state") {
      Object.assign(at, { state: message.state, unseen: message.unseen, replaying: message.replaying, complaint: message.complaint });
      if (message.title) write(titleLine, [message.title.ko, message.title.en]);
      const value = `${message.speed ?? ""}`;
      if (![...speed.options].some((option) => option.value === value)) speed.append(make("option", { value }, `${value}/s`));
      speed.value = value;
      tellState();
    }
  }
  const checkLink = () => {
    if (root.closest(".jupyter-widgets-disconnected")) at.lost = "dead";
    tellState();
  };
  const beat = setInterval(() => {
    if (ENDED.includes(at.state)) return;
    if (root.closest(".jupyter-widgets-disconnected")) at.lost = "dead";
    else if (Date.now() - at.heard > SILENT_MS && !document.hidden) at.lost ??= "silent";
    if (at.lost) tellState();
    if (at.lost !== "dead") send("ping");
  }, PING_MS);

  // ---- the browser

  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const inControl = event.target !== root;
    if (event.key === " " && !inControl) toggle();
    else if (event.key in ARROWS && !inControl) own.move(...ARROWS[event.key]);
    else {
      if (inControl && event.key !== "Escape" && event.key !== "Tab") event.stopPropagation();
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  });
  // Notebook 7 hears keys before this element does, and looks for the mark from the focused one on upwards.
  root.addEventListener("focusin", (event) => event.target.setAttribute("data-lm-suppress-shortcuts", "true"));
  const themes = new MutationObserver(() => {
    theme = null;
    redraw();
  });
  themes.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-name", "data-jp-theme-light"] });
  const sizes = new ResizeObserver(redraw);
  sizes.observe(root);
  const onBye = () => send("bye");
  window.addEventListener("course-lang", redraw);
  window.addEventListener("pagehide", onBye);
  model.on("msg:custom", hear);
  model.on("comm_live_update", checkLink);
  send("hello");
  tellState();

  return () => {
    send("bye"); // the output was cleared; another view of the same training goes on pinging
    own.leave?.();
    clearInterval(beat);
    cancelAnimationFrame(drawing);
    clearTimeout(later);
    themes.disconnect();
    sizes.disconnect();
    window.removeEventListener("course-lang", redraw);
    window.removeEventListener("pagehide", onBye);
    model.off("msg:custom", hear);
    model.off("comm_live_update", checkLink);
  };
}
