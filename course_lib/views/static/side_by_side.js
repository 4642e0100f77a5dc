// Several methods side by side on the same problem. The kernel sends frames (views/side_by_side.py); this draws the
// curves, and for the chosen problem and goal what each lane did. Words come in pairs [Korean, English].

const WORDS = {
  run: ["실행", "Run"], pause: ["일시 정지", "Pause"], step: ["한 단계", "Step"], stop: ["중지", "Stop"],
  play: ["▶ 트라이얼 재생", "▶ Play the trial"], halt: ["■ 재생 멈춤", "■ Stop playing"],
  speed: ["속도", "Speed"], waiting: ["첫 결과를 기다리고 있습니다.", "Waiting for the first result."],
  ready: ["준비", "ready"], running: ["학습 중", "running"], paused: ["일시 정지됨", "paused"],
  stopped: ["중지됨. 다시 하려면 셀을 다시 실행하십시오", "stopped; run the cell again to start over"],
  finished: ["끝남", "finished"], failed: ["오류로 멈춤", "failed"],
  unseen: ["브라우저 탭이 닫혀서 멈췄습니다. 다시 보면 이어집니다.", "Paused because the tab was closed. It goes on once it is seen again."],
  dead: ["커널과의 연결이 끊어졌습니다. 셀을 다시 실행하십시오.", "The link to the kernel is broken. Run the cell again."],
  keys: ["화면을 한 번 누르면: 스페이스 = 실행·일시 정지 · ←→ = 스텝 t · ↑↓ = 문제", "Click the view once: space = run or pause · ←→ = step t · ↑↓ = problem"],
  pair: ["같은 문제", "The same problem"], time: ["스텝 t", "Step t"], moment: ["학습 시점", "Moment of training"], now: ["지금", "now"],
  problem: ["문제", "problem"], goal: ["목표", "goal"], mean: ["평균 리턴", "mean return"], here: ["이 트라이얼", "this trial"],
  nats: ["정보", "information"], steps: ["스텝", "steps"], seconds: ["초", "s"],
  curve: ["테스트 리턴", "Test return"], optimal: ["최적", "optimal"], walking: ["탐험 없이", "no exploration"],
  information: ["정보를 가장 많이", "most information"],
  clock_seconds: ["학습 시간 (초)", "training seconds"], clock_env_steps: ["환경 스텝", "env steps"],
  legendPaths: ["파랑은 탐험, 주황은 실행입니다.", "Blue explores, orange executes."],
  legendEpisodes: ["에피소드마다 선이 하나씩 있습니다.", "Each episode has a line of its own."], // where none is an execution
  legend: ["네모는 버스, 마름모는 지도, 세모는 목표, +는 출발입니다.",
    "A square is a bus, a diamond the map, a triangle the goal, + the start."],
  legendTv: ["안테나가 있는 네모는 텔레비전입니다.", "A square with an aerial is the television."],
};
const OKABE_ITO = ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#b8a800", "#8a8a8a"];
const DASHES = [[], [9, 3], [3, 3], [9, 3, 3, 3], [1, 2], [12, 4]];
const ENDED = ["stopped", "finished", "failed"];
const KEPT_FRAMES = 150;
const FONT = '11px system-ui, -apple-system, "Segoe UI", "Noto Sans KR", "Noto Sans CJK KR", "Malgun Gothic", "NanumGothic", sans-serif';
const ARRAYS = { float32: Float32Array, int16: Int16Array, int8: Int8Array };

function pick([ko, en]) {
  const chosen = document.documentElement.dataset.courseLang;
  return chosen === "ko" ? ko : chosen === "en" ? en : ko === en ? ko : `${ko} · ${en}`;
}
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
function write(element, [ko, en]) {
  if (element.dataset.text === `${ko}\n${en}`) return element;
  element.dataset.text = `${ko}\n${en}`;
  if (ko === en) element.replaceChildren(ko);
  else element.replaceChildren(make("span", { lang: "ko" }, ko), make("span", { lang: "en" }, en));
  return element;
}
const words = (key) => write(make("span"), WORDS[key]);
const joined = (...parts) => [0, 1].map((i) => parts.map((p) => (Array.isArray(p) ? p[i] : p)).join(""));
const decimals = (x, n = 2) => (Number.isFinite(x) ? (+x.toFixed(n) || 0).toFixed(n).replace("-", "−") : "–");
const short = (x) => (x >= 1e6 ? `${+(x / 1e6).toPrecision(3)}M` : x >= 1e3 ? `${+(x / 1e3).toPrecision(3)}k` : `${+x.toPrecision(2)}`);

function unpack({ values, arrays }, buffers) {
  const frame = { ...values };
  arrays.forEach(({ name, type, shape }, i) => {
    const view = buffers[i];
    const bytes = view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
    frame[name] = Object.assign(new ARRAYS[type](bytes), { shape });
  });
  return frame;
}
/** The row of a lane and a pair in an array (L, N, T). */
function row(array, lane, pair) {
  const [, n, t] = array.shape;
  return array.subarray((lane * n + pair) * t, (lane * n + pair + 1) * t);
}

function pen(canvas, theme) {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [canvas.clientWidth, canvas.clientHeight];
  if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
    canvas.width = Math.round(w * ratio);
    canvas.height = Math.round(h * ratio);
  }
  const g = canvas.getContext("2d");
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, w, h);
  g.font = FONT;
  g.lineJoin = g.lineCap = "round";
  const line = (points, color, width, dash = []) => {
    Object.assign(g, { strokeStyle: color, lineWidth: width });
    g.setLineDash(dash);
    g.beginPath();
    let down = false;
    for (const [x, y] of points) {
      if (!Number.isFinite(y)) down = false;
      else if (down) g.lineTo(x, y);
      else { g.moveTo(x, y); down = true; }
    }
    g.stroke();
    g.setLineDash([]);
  };
  const text = (string, x, y, { color = theme.soft, align = "left" } = {}) => {
    Object.assign(g, { fillStyle: color, textAlign: align, textBaseline: "middle" });
    g.fillText(string, x, y);
  };
  return { g, w, h, line, text };
}

function drawCurves(canvas, frame, theme) {
  const { g, w, h, line, text } = pen(canvas, theme);
  const count = frame.lanes.length;
  const curves = frame.lanes.map((_, k) => [frame[`curve_x_${k}`], frame[`curve_y_${k}`]]);
  const longest = Math.max(1e-9, ...curves.map(([x]) => Math.max(...x))) || 1;
  const levels = [["optimal", frame.references.optimal_return], ["information", frame.references.most_information], ["walking", frame.references.no_exploration_return]].filter((l) => Number.isFinite(l[1]));
  const returns = curves.flatMap(([, y]) => [...y]).filter(Number.isFinite);
  const seen = returns.length ? returns : levels.length ? levels.map((l) => l[1]) : [0, 1]; // a method may measure none
  const bottom = Math.min(...(levels.length ? levels.map((l) => l[1]) : seen));
  const top = Math.max(...seen, ...levels.map((l) => l[1]));
  const room = Math.max(top - bottom, 0.1);
  const low = Math.max(Math.min(...seen), bottom - 1.2 * room) - 0.06 * room; // far below nothing is to be seen
  const high = top + 0.14 * room;
  const [x0, x1, y0, y1] = [36, w - 8, h - 28, 8];
  const sx = (v) => x0 + (v / longest) * (x1 - x0);
  const sy = (v) => y0 + ((Math.max(v, low) - low) / (high - low)) * (y1 - y0);
  const power = 10 ** Math.floor(Math.log10((high - low) / 4));
  const unit = [1, 2, 5, 10].map((m) => m * power).find((s) => s * 5 >= high - low);
  for (let v = Math.ceil(low / unit) * unit; v <= high; v += unit) {
    line([[x0, sy(v)], [x1, sy(v)]], theme.line, 1);
    text(decimals(v, unit < 0.1 ? 2 : 1), x0 - 5, sy(v), { align: "right" });
  }
  line([[x0, y0], [x1, y0]], theme.soft, 1);
  for (const part of [0, 0.25, 0.5, 0.75, 1]) text(short(part * longest), Math.min(sx(part * longest), x1 - 12), y0 + 9, { align: "center" });
  text(pick(WORDS[`clock_${frame.by}`]), (x0 + x1) / 2, h - 5, { align: "center" });
  for (const [key, value] of levels) {
    line([[x0, sy(value)], [x1, sy(value)]], theme.ink, 1, [5, 4]);
    text(`${pick(WORDS[key])} ${decimals(value)}`, x1 - 2, sy(value) - 7, { color: theme.ink, align: "right" });
  }
  for (let k = 0; k < count; k++) {
    let [x, y] = curves[k];
    if (x.length === 1) [x, y] = [[0, longest], [y[0], y[0]]];
    line([...x].map((v, i) => [sx(v), sy(y[i])]), OKABE_ITO[k % 8], 2, DASHES[k % 6]);
    const last = x.length - 1;
    g.fillStyle = OKABE_ITO[k % 8];
    g.beginPath();
    g.arc(sx(x[last]), sy(y[last]), 3.5, 0, 7);
    g.fill();
  }
}

function drawCity(canvas, frame, lane, ui, theme) {
  const { g, w, h, line } = pen(canvas, theme);
  const city = frame.city;
  const cell = Math.min((w - 4) / city.width, (h - 4) / city.height);
  const [left, top] = [(w - cell * city.width) / 2, (h - cell * city.height) / 2];
  const at = ([x, y], aside = 0) => [left + (x + 0.5) * cell + aside, top + (city.height - 0.5 - y) * cell - aside];
  const place = (state) => [state % city.width, Math.floor(state / city.width)];
  for (let i = 0; i <= city.width; i++) line([[left + i * cell, top], [left + i * cell, top + cell * city.height]], theme.line, 1);
  for (let i = 0; i <= city.height; i++) line([[left, top + i * cell], [left + cell * city.width, top + i * cell]], theme.line, 1);
  const r = cell * 0.3;
  for (const stop of city.stops) {
    const [x, y] = at(stop);
    line([[x - r, y - r], [x + r, y - r], [x + r, y + r], [x - r, y + r], [x - r, y - r]], theme.soft, 1.2);
  }
  if (city.map) {
    const [x, y] = at(city.map);
    line([[x, y - r * 1.2], [x + r * 1.2, y], [x, y + r * 1.2], [x - r * 1.2, y], [x, y - r * 1.2]], theme.soft, 1.4);
  }
  if (city.tv) {
    const [x, y] = at(city.tv);
    line([[x - r, y - r * 0.7], [x + r, y - r * 0.7], [x + r, y + r * 0.7], [x - r, y + r * 0.7], [x - r, y - r * 0.7]], theme.soft, 1.4);
    line([[x - r * 0.7, y - r * 1.3], [x, y - r * 0.7], [x + r * 0.7, y - r * 1.3]], theme.soft, 1.4);
  }
  const asked = frame.pair_asked[ui.pair];
  if (asked) {
    const [x, y] = at(city.goals[asked - 1]);
    g.globalAlpha = 0.4;
    g.fillStyle = theme.execute;
    g.beginPath();
    [[0, -1.3], [1.2, 0.9], [-1.2, 0.9]].forEach(([dx, dy], i) => (i ? g.lineTo(x + dx * r, y + dy * r) : g.moveTo(x + dx * r, y + dy * r)));
    g.fill();
    g.globalAlpha = 1;
  }
  const [sx, sy] = at(city.start);
  line([[sx - r, sy], [sx + r, sy]], theme.ink, 1.2);
  line([[sx, sy - r], [sx, sy + r]], theme.ink, 1.2);
  const [state, arrived, valid, episode] = ["state", "arrived", "valid", "episode"].map((name) => row(frame[name], lane, ui.pair));
  let agent = [at(place(state[0])), theme.explore];
  const episodes = frame.instructed.length;
  const apart = Math.min(5, cell * 0.2, (cell * 0.6) / Math.max(1, episodes - 1)); // side by side, and within the cell
  for (let number = 0; number < episodes; number++) {
    const color = frame.instructed[number] ? theme.execute : theme.explore;
    const aside = (number - (episodes - 1) / 2) * apart;
    for (const past of [false, true]) {
      const points = [];
      for (let t = 0; t < valid.length; t++) {
        if (!valid[t] || episode[t] !== number || (past && t >= ui.t)) continue;
        if (!points.length) points.push(at(place(state[t]), aside));
        points.push(at(place(arrived[t]), aside));
        if (past) agent = [points[points.length - 1], color];
      }
      g.globalAlpha = past ? 1 : 0.25; // what lies ahead is faint
      if (points.length) line(points, color, past ? 2.6 : 2);
      g.globalAlpha = 1;
    }
  }
  const [[x, y], color] = agent;
  g.fillStyle = theme.card;
  g.beginPath();
  g.arc(x, y, cell * 0.3, 0, 7);
  g.fill();
  g.fillStyle = color;
  g.beginPath();
  g.arc(x, y, cell * 0.23, 0, 7);
  g.fill();
}

function drawTape(box, frame, lane, ui) {
  const [action, valid, episode, reward] = ["action", "valid", "episode", "reward"].map((name) => row(frame[name], lane, ui.pair));
  const lines = [];
  for (let t = 0; t < valid.length; t++) {
    if (!valid[t]) continue;
    const [executing, paid] = [frame.instructed[episode[t]], frame.counted[episode[t]]];
    const past = t < ui.t;
    lines.push(make("div", { class: `${executing ? "csb-executing " : ""}${past ? "csb-past" : ""}` }, `${frame.actions[action[t]]}${paid ? ` ${decimals(reward[t])}` : ""}`));
  }
  box.replaceChildren(...lines);
}

function render({ model, el }) {
  const ui = { pair: 0, t: Infinity, moment: null, state: "ready", complaint: null, unseen: false, dead: false };
  const frames = [];
  const shown = () => frames[ui.moment ?? frames.length - 1];
  const send = (kind, more = {}) => {
    try {
      model.send({ kind, ...more });
    } catch {
      ui.dead = true;
      tellState();
    }
  };

  const title = model.get("title") ?? {};
  const root = make("div", {
    class: "csb course-widget", tabindex: "0", role: "group", "data-lm-suppress-shortcuts": "true", "data-state": "ready", "aria-label": `${title.ko ?? ""} / ${title.en ?? ""}`,
  });
  const status = make("span", { class: "csb-status", role: "status" });
  const button = (key, action) => {
    const b = make("button", { type: "button" }, words(key));
    b.addEventListener("click", action);
    return b;
  };
  const toggle = () => send(ui.state === "running" ? "pause" : "run");
  const runButton = button("pause", toggle);
  runButton.classList.add("csb-main");
  const stepButton = button("step", () => send("step"));
  const stopButton = button("stop", () => send("stop"));
  const playButton = button("play", () => play(!playing));
  const speed = make("select", {}, ...["", 20, 10, 5, 2, 1].map((v) => make("option", { value: v }, v ? `${v}/s` : "∞")));
  speed.addEventListener("change", () => send("speed", { value: speed.value ? +speed.value : null }));
  const notice = make("div", { class: "csb-notice", hidden: "", role: "alert" });
  const waiting = make("div", { class: "csb-wait" }, words("waiting"));
  const curve = make("canvas", { role: "img" });
  const curveBox = make("section", { class: "csb-curve", hidden: "" }, words("curve"), curve);
  const lanes = make("div", { class: "csb-lanes" });
  const legend = make("div", { class: "csb-legend", hidden: "" }, words("legend"));
  const slider = (key) => {
    const input = make("input", { type: "range", min: 0, max: 0, value: 0 });
    const output = make("output");
    return { input, output, label: make("label", {}, make("span", { class: "csb-what" }, words(key), output), input) };
  };
  const lens = { pair: slider("pair"), time: slider("time"), moment: slider("moment") };
  lens.pair.input.addEventListener("input", () => choose({ pair: +lens.pair.input.value }));
  lens.time.input.addEventListener("input", () => choose({ t: +lens.time.input.value }));
  lens.moment.input.addEventListener("input", () => {
    const at = +lens.moment.input.value;
    ui.moment = at >= frames.length - 1 ? null : at;
    redraw();
  });
  const lensRow = make("div", { class: "csb-lens", hidden: "" }, ...Object.values(lens).map((part) => part.label));
  const keys = make("div", { class: "csb-keys", hidden: "" }, words("keys"));
  root.append(
    make("div", { class: "csb-head" }, write(make("span", { class: "csb-title" }), [title.ko ?? "", title.en ?? ""]), status),
    make("div", { class: "csb-bar" }, runButton, stepButton, stopButton, playButton, make("label", { class: "csb-speed" }, words("speed"), speed)),
    notice, waiting, curveBox, lanes, legend, lensRow, keys,
  );
  el.append(root);

  let theme = null;
  let drawing = 0;
  let later = 0;
  let playing = 0;
  const steps = () => shown()?.valid.shape[2] ?? 0;
  function redraw() {
    if (!drawing) drawing = requestAnimationFrame(draw);
  }
  function choose({ pair = ui.pair, t = ui.t }) {
    const frame = shown();
    if (!frame) return;
    ui.pair = Math.max(0, Math.min(pair, frame.pair_problem.length - 1));
    ui.t = Math.max(0, Math.min(t, steps()));
    redraw();
  }
  /** Let all lanes walk through the chosen trial, a step at a time. */
  function play(on) {
    clearInterval(playing);
    playing = 0;
    if (on && shown()) {
      ui.t = 0;
      playing = setInterval(() => {
        choose({ t: ui.t + 1 });
        if (ui.t >= steps()) play(false);
      }, 250);
    }
    playButton.replaceChildren(words(playing ? "halt" : "play"));
    redraw();
  }
  function themeNow() {
    const style = getComputedStyle(root);
    return Object.fromEntries(["ink", "soft", "line", "card", "explore", "execute"].map((name) => [name, style.getPropertyValue(`--csb-${name}`).trim()]));
  }
  function build(frame) {
    lanes.style.setProperty("--csb-columns", Math.min(frame.lanes.length, 4));
    lanes.replaceChildren(...frame.lanes.map((lane, k) => {
      const swatch = make("span");
      swatch.innerHTML = `<svg viewBox="0 0 26 10" aria-hidden="true"><path d="M1 5h24" stroke="${OKABE_ITO[k % 8]}" stroke-width="3" stroke-dasharray="${DASHES[k % 6].join(" ")}"/></svg>`;
      const picture = frame.city ? make("canvas", { role: "img" }) : make("div", { class: "csb-tape" });
      return make("section", { class: "csb-lane" }, make("header", {}, swatch.firstChild, lane.name, make("output")), picture, make("div", { class: "csb-facts" }));
    }));
  }
  function draw() {
    drawing = 0;
    const frame = shown();
    if (!frame) return;
    theme ??= themeNow();
    waiting.hidden = true;
    curveBox.hidden = lensRow.hidden = keys.hidden = false;
    legend.hidden = !frame.city;
    legend.replaceChildren(words(frame.instructed.some(Boolean) ? "legendPaths" : "legendEpisodes"), " ", words("legend"), ...(frame.city?.tv ? [" ", words("legendTv")] : []));
    if (lanes.children.length !== frame.lanes.length) build(frame);
    if (curve.clientWidth < 60) { // not laid out yet
      clearTimeout(later);
      later = setTimeout(redraw, 200);
      return;
    }
    ui.pair = Math.min(ui.pair, frame.pair_problem.length - 1);
    ui.t = Math.min(ui.t, steps());
    drawCurves(curve, frame, theme);
    const pairs = frame.pair_problem.length;
    const said = frame.lanes.map((lane, k) => {
      const facts = joined(WORDS.mean, ` ${decimals(lane.test_return)}, `, WORDS.here, ` ${decimals(frame.return[k * pairs + ui.pair])}`,
        ...(frame.nats ? [", ", WORDS.nats, ` ${decimals(frame.nats[k * pairs + ui.pair])}/${decimals(frame.nats_max)} nat`] : []),
        ...(lane.env_steps ? [`, ${short(lane.env_steps)} `, WORDS.steps, `, ${decimals(lane.seconds, 0)} `, WORDS.seconds] : []));
      const box = lanes.children[k];
      box.querySelector("header output").textContent = decimals(lane.test_return);
      write(box.querySelector(".csb-facts"), facts);
      if (frame.city) {
        const canvas = box.querySelector("canvas");
        drawCity(canvas, frame, k, ui, theme);
        canvas.setAttribute("aria-label", `${lane.name}: ${pick(facts)}`);
      } else drawTape(box.querySelector(".csb-tape"), frame, k, ui);
      return `${lane.name} ${decimals(lane.test_return)}`;
    });
    curve.setAttribute("aria-label", `${pick(WORDS.curve)}: ${said.join(", ")}`);
    drawLens(frame);
  }
  function drawLens(frame) {
    const set = ({ input, output }, max, value, text) => {
      input.max = max;
      input.value = value;
      write(output, text);
    };
    const asked = frame.pair_asked[ui.pair];
    const goal = asked && frame.goals.length ? joined(", ", WORDS.goal, ` (${frame.goals[asked - 1].join(", ")})`) : ["", ""];
    set(lens.pair, frame.pair_problem.length - 1, ui.pair, joined(WORDS.problem, ` ${frame.pair_problem[ui.pair]}`, goal));
    set(lens.time, steps(), ui.t, [`${ui.t}`, `${ui.t}`]);
    lens.moment.label.hidden = frames.length < 2;
    set(lens.moment, frames.length - 1, ui.moment ?? frames.length - 1, ui.moment === null ? WORDS.now : [short(frame.env_steps), short(frame.env_steps)]);
  }
  function tellState() {
    const ended = ENDED.includes(ui.state);
    root.dataset.state = ui.state;
    write(status, ui.dead && !ended ? WORDS.dead : WORDS[ui.state]);
    runButton.replaceChildren(words(ui.state === "running" ? "pause" : "run"));
    for (const control of [runButton, stepButton, stopButton, speed]) control.disabled = ended || ui.dead;
    waiting.hidden = ended || frames.length > 0; // nothing comes any more, or something is there
    const message = ui.complaint ? [ui.complaint.ko, ui.complaint.en] : ui.unseen ? WORDS.unseen : null;
    notice.hidden = !message;
    if (message) write(notice, message);
  }

  function keep(frame) {
    const atEnd = ui.moment === null;
    const looked = shown();
    frames.push(frame);
    if (frames.length > KEPT_FRAMES) {
      // Every second of the older ones goes, so that what stays still spans the whole race; but never the one looked at.
      const last = frames.length - 1;
      frames.splice(0, frames.length, ...frames.filter((f, i) => i % 2 === 0 || i === last || f === looked));
      if (!atEnd) ui.moment = frames.indexOf(looked);
    }
  }
  function hear(message, buffers) {
    if (message.kind === "frame") {
      const frame = unpack(message, buffers);
      const last = frames[frames.length - 1];
      if (last && last.update === frame.update) frames[frames.length - 1] = frame;
      else keep(frame);
      redraw();
      requestAnimationFrame(() => send("ack"));
    } else if (message.kind === "state") {
      Object.assign(ui, { state: message.state, unseen: message.unseen, complaint: message.complaint });
      const value = `${message.speed ?? ""}`;
      if (![...speed.options].some((option) => option.value === value)) speed.append(make("option", { value }, `${value}/s`));
      speed.value = value;
      tellState();
    }
  }
  const beat = setInterval(() => {
    if (ENDED.includes(ui.state) || ui.dead) return;
    if (root.closest(".jupyter-widgets-disconnected")) {
      ui.dead = true;
      tellState();
    } else send("ping");
  }, 2000);

  function onKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const inControl = event.target !== root;
    if (event.key === " " && !inControl) toggle();
    else if (event.key === "ArrowLeft" && !inControl) choose({ t: ui.t - 1 });
    else if (event.key === "ArrowRight" && !inControl) choose({ t: ui.t + 1 });
    else if (event.key === "ArrowUp" && !inControl) choose({ pair: ui.pair - 1 });
    else if (event.key === "ArrowDown" && !inControl) choose({ pair: ui.pair + 1 });
    else {
      if (inControl && event.key !== "Escape" && event.key !== "Tab") event.stopPropagation();
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }
  root.addEventListener("keydown", onKey);
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
  send("hello");
  tellState();

  return () => {
    send("bye");
    clearInterval(beat);
    clearInterval(playing);
    clearTimeout(later);
    cancelAnimationFrame(drawing);
    themes.disconnect();
    sizes.disconnect();
    window.removeEventListener("course-lang", redraw);
    window.removeEventListener("pagehide", onBye);
    model.off("msg:custom", hear);
  };
}

export default { render };
