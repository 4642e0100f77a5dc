// Several methods side by side on the same problem: the curves of a frame of the kernel (views/side_by_side.py), and for the
// chosen problem and goal what each lane did. The page around them is page.js's.

Object.assign(WORDS, {
  play: ["▶ 트라이얼 재생", "▶ Play the trial"],
  halt: ["■ 재생 멈춤", "■ Stop playing"],
  keys: ["화면을 한 번 누르면: 스페이스 = 실행·일시 정지 · ←→ = 스텝 t · ↑↓ = 문제", "Click the view once: space = run or pause · ←→ = step t · ↑↓ = problem"],
  pair: ["같은 문제", "The same problem"],
  mean: ["평균 리턴", "mean return"],
  here: ["이 트라이얼", "this trial"],
  known: ["정보", "information"],
  information: ["정보를 가장 많이", "most information"],
  clock_seconds: ["학습 시간 (초)", "training seconds"],
  clock_env_steps: WORDS.envSteps,
  legendPaths: ["파랑은 탐험, 주황은 실행입니다.", "Blue explores, orange executes."],
  legendEpisodes: ["에피소드마다 선이 하나씩 있습니다.", "Each episode has a line of its own."], // where none is an execution
  legend: ["네모는 버스, 마름모는 지도, 세모는 목표, +는 출발입니다.", "A square is a bus, a diamond the map, a triangle the goal, + the start."],
  legendTv: ["안테나가 있는 네모는 텔레비전입니다.", "A square with an aerial is the television."],
});
const DASHES = [[], [9, 3], [3, 3], [9, 3, 3, 3], [1, 2], [12, 4]];

function drawCurves(pen, frame) {
  const { theme } = pen;
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
  const s = pen.axes([0, longest], [low, high], { left: 38, yFormat: (v) => decimals(v, high - low < 0.4 ? 2 : 1), yTicks: 5, xLabel: say(`clock_${frame.by}`) });
  const height = (v) => s.sy(Math.max(v, low));
  for (const [, value] of levels) pen.line([[s.x0, height(value)], [s.x1, height(value)]], theme.ink, 1, [5, 4]);
  curves.forEach(([x, y], k) => {
    if (x.length === 1) [x, y] = [[0, longest], [y[0], y[0]]];
    const last = x.length - 1;
    pen.line([...x].map((v, i) => [s.sx(v), height(y[i])]), OKABE_ITO[k % 8], 2, DASHES[k % 6]);
    pen.dot(s.sx(x[last]), height(y[last]), 3.5, OKABE_ITO[k % 8]);
  });
  for (const [key, value] of levels) {
    pen.text(`${say(key)} ${decimals(value)}`, s.x0 + 4, height(value) - 7, { color: theme.ink, halo: true });
  }
}

function drawCity(pen, frame, lane, ui) {
  const { g, w, h, theme } = pen;
  const city = frame.city;
  const cell = Math.min((w - 4) / city.width, (h - 4) / city.height);
  const [left, top] = [(w - cell * city.width) / 2, (h - cell * city.height) / 2];
  const at = ([x, y], aside = 0) => [left + (x + 0.5) * cell + aside, top + (city.height - 0.5 - y) * cell - aside];
  const place = (state) => [state % city.width, Math.floor(state / city.width)];
  for (let i = 0; i <= city.width; i++) pen.line([[left + i * cell, top], [left + i * cell, top + cell * city.height]], theme.line, 1);
  for (let i = 0; i <= city.height; i++) pen.line([[left, top + i * cell], [left + cell * city.width, top + i * cell]], theme.line, 1);
  const r = cell * 0.3;
  for (const stop of city.stops) {
    const [x, y] = at(stop);
    pen.line([[x - r, y - r], [x + r, y - r], [x + r, y + r], [x - r, y + r], [x - r, y - r]], theme.soft, 1.2);
  }
  if (city.map) {
    const [x, y] = at(city.map);
    pen.line([[x, y - r * 1.2], [x + r * 1.2, y], [x, y + r * 1.2], [x - r * 1.2, y], [x, y - r * 1.2]], theme.soft, 1.4);
  }
  if (city.tv) {
    const [x, y] = at(city.tv);
    pen.line([[x - r, y - r * 0.7], [x + r, y - r * 0.7], [x + r, y + r * 0.7], [x - r, y + r * 0.7], [x - r, y - r * 0.7]], theme.soft, 1.4);
    pen.line([[x - r * 0.7, y - r * 1.3], [x, y - r * 0.7], [x + r * 0.7, y - r * 1.3]], theme.soft, 1.4);
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
  pen.line([[sx - r, sy], [sx + r, sy]], theme.ink, 1.2);
  pen.line([[sx, sy - r], [sx, sy + r]], theme.ink, 1.2);
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
      if (points.length) pen.line(points, color, past ? 2.6 : 2);
      g.globalAlpha = 1;
    }
  }
  const [here, color] = agent;
  pen.dot(...here, cell * 0.3, theme.card);
  pen.dot(...here, cell * 0.23, color);
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

function render(context) {
  return watch(context, (page) => {
    const ui = { pair: 0, t: Infinity };
    let playing = 0;
    const steps = () => page.shown()?.valid.shape[2] ?? 0;
    function choose({ pair = ui.pair, t = ui.t }) {
      const frame = page.shown();
      if (!frame) return;
      ui.pair = Math.max(0, Math.min(pair, frame.pair_problem.length - 1));
      ui.t = Math.max(0, Math.min(t, steps()));
      page.redraw();
    }
    /** Let all lanes walk through the chosen trial, a step at a time. */
    function play(on) {
      clearInterval(playing);
      playing = 0;
      if (on && page.shown()) {
        ui.t = 0;
        playing = setInterval(() => {
          choose({ t: ui.t + 1 });
          if (ui.t >= steps()) play(false);
        }, 250);
      }
      playButton.replaceChildren(words(playing ? "halt" : "play"));
      page.redraw();
    }

    const playButton = make("button", { type: "button", "data-do": "play" }, words("play"));
    playButton.addEventListener("click", () => play(!playing));
    const curve = make("canvas", { role: "img" });
    const curveBox = make("section", { class: "csb-curve", hidden: "" }, words("curve"), curve);
    const lanes = make("div", { class: "csb-lanes" });
    const legend = make("div", { class: "csb-legend", hidden: "" });

    function build(frame) {
      const many = frame.lanes.length;
      lanes.style.setProperty("--csb-columns", many > 4 && many % 4 && many % 3 === 0 ? 3 : Math.min(many, 4)); // no lane alone
      lanes.replaceChildren(...frame.lanes.map((lane, k) => {
        const stroke = `stroke="${OKABE_ITO[k % 8]}" stroke-width="3" stroke-dasharray="${DASHES[k % 6].join(" ")}"`;
        const picture = frame.city ? make("canvas", { role: "img" }) : make("div", { class: "csb-tape" });
        return make("section", { class: "csb-lane" }, make("header", {}, svg(`<path d="M1 5h24" ${stroke}/>`, "0 0 26 10"), lane.name, make("output")), picture, make("div", { class: "csb-facts" }));
      }));
    }
    function draw(frame, theme) {
      curveBox.hidden = !frame.learning;
      legend.hidden = !frame.city;
      legend.replaceChildren(words(frame.instructed.some(Boolean) ? "legendPaths" : "legendEpisodes"), " ", words("legend"), ...(frame.city?.tv ? [" ", words("legendTv")] : []));
      if (lanes.children.length !== frame.lanes.length) build(frame);
      if (lanes.clientWidth < 60) { // not laid out yet
        page.again();
        return;
      }
      ui.pair = Math.min(ui.pair, frame.pair_problem.length - 1);
      ui.t = Math.min(ui.t, steps());
      if (frame.learning) drawCurves(new Pen(curve, theme), frame);
      const pairs = frame.pair_problem.length;
      const said = frame.lanes.map((lane, k) => {
        const facts = joined(WORDS.mean, ` ${decimals(lane.test_return)}, `, WORDS.here, ` ${decimals(frame.return[k * pairs + ui.pair])}`,
          ...(frame.nats ? [", ", WORDS.known, ` ${decimals(frame.nats[k * pairs + ui.pair])}/${decimals(frame.nats_max)} nat`] : []),
          ...(lane.env_steps ? [`, ${short(lane.env_steps)} `, WORDS.steps, `, ${decimals(lane.seconds, 0)} `, WORDS.seconds] : []));
        const box = lanes.children[k];
        box.querySelector("header output").textContent = decimals(lane.test_return);
        write(box.querySelector(".csb-facts"), facts);
        if (frame.city) {
          const canvas = box.querySelector("canvas");
          drawCity(new Pen(canvas, theme), frame, k, ui);
          canvas.setAttribute("aria-label", `${lane.name}: ${pick(facts)}`);
        } else drawTape(box.querySelector(".csb-tape"), frame, k, ui);
        return `${lane.name} ${decimals(lane.test_return)}`;
      });
      curve.setAttribute("aria-label", `${say("curve")}: ${said.join(", ")}`);
      const asked = frame.pair_asked[ui.pair];
      const goal = asked && frame.goals.length ? joined(", ", WORDS.goal, ` (${frame.goals[asked - 1].join(", ")})`) : ["", ""];
      page.set("pair", pairs - 1, ui.pair, joined(WORDS.problem, ` ${frame.pair_problem[ui.pair]}`, goal));
      page.set("time", steps(), ui.t, [`${ui.t}`, `${ui.t}`]);
    }

    return {
      css: "csb",
      buttons: [playButton],
      facts: [],
      body: [curveBox, lanes, legend],
      sliders: { pair: (pair) => choose({ pair }), time: (t) => choose({ t }) },
      move: (across, down) => choose({ pair: ui.pair + down, t: ui.t + across }),
      draw,
      leave: () => clearInterval(playing),
    };
  });
}

export default { render };
