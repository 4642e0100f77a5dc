// A city to explore yourself. A round is a problem, a goal and two lists of actions (the trait "played"); all that is
// drawn follows from replaying them through the task's tables, which the kernel sent once. So the game goes on while
// the kernel is busy or gone.
//
// Both languages stand in the document, tagged with lang; CSS shows what the language switch chose.

// ---- rules: from the tables alone -----------------------------------------------------------------------------------

/** The numbers of a binary trait. Its bytes may lie anywhere in a message, so they are copied first. */
function numbers(view, Kind) {
  return new Kind(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

/** The tables, from a model or anything with its get(). */
export function readTables(get) {
  const city = get("city");
  return {
    city,
    states: city.width * city.height,
    actions: city.actions.length,
    nextState: numbers(get("next_state"), Int16Array), // (M, S, A)
    sense: numbers(get("sense"), Int16Array), // (M, S)
    reward: numbers(get("reward"), Uint8Array), // (M, I, S, A), indices into city.rewards
    ends: numbers(get("ends"), Uint8Array), // (I, S)
  };
}

/** Where a round stands after its actions, with the exact belief: `possible[m]` tells whether problem m could be it. */
export function replay(tables, played) {
  const { city, states, actions, nextState, sense, reward, ends } = tables;
  const next = (m, s, a) => nextState[(m * states + s) * actions + a];
  const round = {
    phase: "exploration",
    state: city.start,
    clock: 0,
    earned: 0,
    possible: new Array(city.problems).fill(true),
    trails: [[city.start]], // one a begun episode: the states in turn
    rides: [new Set()], // the places in a trail that were reached by bus
    event: { kind: "begin" }, // what the last action did
    knew: null, // `possible` when the execution began
  };
  const { problem } = played;

  const look = () => {
    const shown = sense[problem * states + round.state];
    round.possible = round.possible.map((is, m) => is && sense[m * states + round.state] === shown);
  };
  const act = (action, instruction) => {
    const { state } = round;
    const arrived = next(problem, state, action);
    round.earned += city.rewards[reward[((problem * instructions + instruction) * states + state) * actions + action]];
    round.possible = round.possible.map((is, m) => is && next(m, state, action) === arrived);
    round.state = arrived;
    round.clock += 1;
    look();
    let over = Boolean(ends[instruction * states + arrived]) || round.clock === city.horizon;
    if (action === city.end) {
      over = true;
      if (instruction) round.earned -= city.waiting_cost * (city.horizon - round.clock);
    }
    const trail = round.trails.at(-1);
    if (arrived !== state) {
      trail.push(arrived);
      if (city.actions[action] === "ride") round.rides.at(-1).add(trail.length - 1);
    }
    round.event = { kind: city.actions[action], from: state, to: arrived };
    return over;
  };

  const instructions = ends.length / states;
  look();
  for (const action of played.exploration) {
    if (act(action, 0)) {
      round.phase = "between";
      break;
    }
  }
  if (played.execution === null || round.phase !== "between") return round;

  Object.assign(round, { phase: "execution", state: city.start, clock: 0, event: { kind: "begin" } });
  round.trails.push([city.start]);
  round.rides.push(new Set());
  look();
  round.knew = [...round.possible];
  for (const action of played.execution) {
    if (act(action, played.goal + 1)) {
      round.phase = "over";
      break;
    }
  }
  return round;
}

/** What the television shows before the next action, from 0 on; null where there is none to be seen from here. */
export function picture(city, played, round) {
  const { tv } = city;
  if (!tv || round.state !== tv.cell[0] + tv.cell[1] * city.width) return null;
  const acted = played.exploration.length + (played.execution === null ? 0 : 1 + played.execution.length);
  return tv.pictures[played.showing % tv.pictures.length][acted];
}

/** Which squares of the screen shine, as views/city.py draws them too: the number of the picture in binary. */
export function lit(picture, kinds) {
  const digits = Math.max(1, Math.ceil(Math.log2(kinds)));
  const side = Math.ceil(Math.sqrt(digits));
  const shining = [];
  for (let digit = 0; digit < digits; digit++) if ((picture >> digit) & 1) shining.push([digit % side, Math.floor(digit / side)]);
  return { side, shining };
}

export const count = (possible) => possible.filter(Boolean).length;
export const nats = (possible) => Math.log(possible.length / count(possible));

/** How many of the possible problems send bus i to destination j: [[…], …]. */
export function counts(city, possible) {
  return city.stops.map((_, stop) =>
    city.destinations.map((_, to) => city.routes.filter((route, m) => possible[m] && route[stop] === to).length)
  );
}

const round4 = (value) => Math.round(value * 1e4) / 1e4 + 0;

/** What stays of a finished round; views/city.py writes the same keys. */
export function result(tables, played, round) {
  const { city } = tables;
  const mask = String(round.knew.reduce((sum, is, m) => sum + (is ? 2 ** m : 0), 0));
  return {
    problem: played.problem,
    goal: played.goal,
    again: played.again,
    explored: played.exploration.filter((action) => action !== city.end).length,
    known: counts(city, round.knew).filter((row) => Math.max(...row) === count(round.knew)).length,
    nats: round4(nats(round.knew)),
    best: city.knowledge[mask][played.goal],
    return: round4(round.earned),
  };
}

// ---- words ----------------------------------------------------------------------------------------------------------

/** With one digit, or with two where one would lie. */
function signed(value) {
  const size = Math.abs(Math.round(value * 100) / 100);
  return (value < 0 && size > 0 ? "−" : "") + size.toFixed(Math.round(size * 100) % 10 ? 2 : 1);
}
const letter = (stop) => "ABCDEFGH"[stop];
const number = (destination) => String(destination + 1);

const WORDS = {
  exploration: ["탐험", "Exploration"],
  execution: ["실행", "Execution"],
  steps: (left) => [`${left}걸음 남음`, `${left} steps left`],
  free: ["걸음값 없음", "steps are free"],
  paid: (earned) => [`지금까지 ${signed(earned)}`, `so far ${signed(earned)}`],
  hello: [
    "버스 A–D는 정류장 1–4로 갑니다. 어느 버스가 어디로 가는지는 도시마다 다릅니다. 타 보거나 지도를 찾아가 알아내십시오. 네 구석의 깃발 가운데 하나가 나중에 목표가 됩니다.",
    "Buses A–D go to stops 1–4, but which goes where differs from city to city. Find out by riding, or by visiting the map. One of the four corner flags will be the goal later.",
  ],
  stops: ["이 도시에서는 구석에 닿으면 탐험도 끝납니다.", "In this city reaching a corner ends the exploration, too."],
  named: ["목표가 정해졌습니다. 이제부터는 걸음마다 값을 냅니다.", "The goal is named. From now on every step costs."],
  cost: (cost) => [`걸음마다 ${signed(-cost)}, 도착하면 +1.0.`, `${signed(-cost)} a step, +1.0 on arrival.`],
  go: ["깃발까지 가장 싸게 가십시오. 어떤 길을 믿으십니까?", "Reach the flag as cheaply as you can. Which way do you trust?"],
  rode: (stop, to) => [`버스 ${stop} → 정류장 ${to}`, `Bus ${stop} → stop ${to}`],
  back: (to, stop) => [`정류장 ${to} → 버스 ${stop}의 정류장으로 돌아왔습니다.`, `Stop ${to} → back at bus ${stop}.`],
  nobus: ["여기에는 버스가 없습니다. 한 걸음을 썼습니다.", "There is no bus here. That took a step."],
  wall: ["도시의 끝입니다. 한 걸음을 썼습니다.", "The edge of the city. That took a step."],
  waited: ["한 걸음 동안 기다렸습니다.", "You waited for a step."],
  map: (routes) => [`지도를 읽었습니다: ${routes}`, `You read the map: ${routes}`],
  atbus: (stop) => [`버스 ${stop}의 정류장입니다. 탈 수 있습니다.`, `Bus ${stop} stops here. You can ride.`],
  atend: (to) => [`정류장 ${to}입니다. 버스를 타면 돌아갑니다.`, `Stop ${to}. The bus takes you back.`],
  tv: (cell) => [`텔레비전 (${cell})`, `television at (${cell})`],
  shows: (picture, kinds) => [`텔레비전 그림 ${picture + 1} / ${kinds}.`, `The television shows picture ${picture + 1} of ${kinds}.`],
  arrived: ["도착했습니다!", "You arrived!"],
  late: ["시간이 다 되었습니다.", "Time is up."],
  keys: {
    exploration: [
      "화살표 = 걷기 · 스페이스 = 타기 · W = 기다리기 · E = 탐험 끝내기",
      "arrows = walk · space = ride · W = wait · E = end exploration",
    ],
    between: ["Enter = 실행 시작", "Enter = execute"],
    execution: ["화살표 = 걷기 · 스페이스 = 타기 · W = 기다리기", "arrows = walk · space = ride · W = wait"],
    over: ["N = 새 도시", "N = new city"],
  },
  unfocused: ["지도를 한 번 누르면 화살표 키로 걸을 수 있습니다.", "Click the map once, then walk with the arrow keys."],
  ride: ["타기", "Ride"],
  wait: ["기다리기", "Wait"],
  end: ["탐험 끝내기", "End exploration"],
  execute: ["실행 시작", "Execute"],
  belief: ["정확한 신념", "Exact belief"],
  hide: ["숨기기", "Hide"],
  show: ["보기", "Show"],
  predict: [
    "먼저 예측하십시오. 도시가 몇 개 남았습니까? 정보는 몇 nat입니까?",
    "Predict first: how many cities are still possible? How many nats is that?",
  ],
  left: (n, of) => [`가능한 도시 ${n} / ${of}`, `${n} of ${of} cities possible`],
  information: (now, of) => [`정보 ${now} / ${of} nat`, `information ${now} of ${of} nats`],
  truth: ["테두리 = 이 도시의 실제 노선", "outlined = where the buses really go in this city"],
  matrix: ["버스(행)가 정류장(열)으로 갈 확률", "Chance that a bus (row) goes to a stop (column)"],
  score: ["이번 판", "This round"],
  you: ["여러분의 리턴", "Your return"],
  knew: ["알던 것으로 최선", "Best with what you knew"],
  walking: ["탐험 없이 최선", "Best without exploring"],
  optimum: ["최적", "Optimum"],
  again: ["같은 도시 다시", "Same city again"],
  fresh: ["새 도시", "New city"],
  rounds: ["여러분의 판", "Your rounds"],
  explored: ["탐험 걸음", "Explored"],
  gained: ["정보 (nat)", "Nats"],
  best: ["최선", "Best"],
  paidoff: ["리턴", "Return"],
  mean: ["평균", "Mean"],
  lines: (walking, optimum) => [
    `최선 = 실행을 시작할 때 알던 것으로 기대할 수 있는 최대 리턴 · 탐험 없이 ${walking} · 최적 ${optimum}`,
    `Best = the highest return to expect from what you knew when execution began · without exploring ${walking} · optimum ${optimum}`,
  ],
  repeats: ["↺ 같은 도시: 평균에 넣지 않습니다.", "↺ same city: not in the mean."],
};

/** Which half of a round lost the points, in one sentence. */
export function verdict(city, row, gambled) {
  const enough = 0.05;
  const explorationLost = city.known[row.problem][row.goal] - row.best;
  const executionLost = row.best - row.return;
  const buses = city.stops.length;
  const found =
    row.known === buses
      ? ["탐험에서 알아낸 것: 모든 버스.", "Exploring found out: every bus."]
      : [`탐험에서 알아낸 것: 버스 ${buses}대 중 ${row.known}대.`, `Exploring found out: ${row.known} of ${buses} buses.`];
  let said;
  const [a, b] = [signed(explorationLost), signed(Math.abs(executionLost))];
  const needed = gambled && explorationLost >= enough; // who knew the way had no need to gamble
  if (needed && executionLost <= -enough)
    said = [
      `모르는 길에 건 것이 맞아, 기대할 수 있던 값보다 ${b} 더 얻었습니다. 이것은 운입니다.`,
      `You gambled and it came off: ${b} more than could be expected. That was luck.`,
    ];
  else if (needed && executionLost >= enough)
    said = [
      `모르는 길에 걸었고, 기대할 수 있던 값보다 ${b} 덜 얻었습니다. 더 탐험했다면 걸지 않아도 됐습니다.`,
      `You gambled and got ${b} less than could be expected. With more exploring there would have been no need to gamble.`,
    ];
  else if (explorationLost >= enough && executionLost >= enough)
    said = [`탐험에서 ${a}, 실행에서 ${b}을(를) 잃었습니다.`, `Exploring lost ${a}, executing lost ${b}.`];
  else if (explorationLost >= enough)
    said = [
      `실행은 그 지식으로 할 수 있는 최선이었습니다. 모자란 ${a}은(는) 탐험에서 잃었습니다.`,
      `Executing did the best that this knowledge allows. The missing ${a} was lost by exploring too little.`,
    ];
  else if (executionLost >= enough)
    said = [
      `필요한 것은 알고 있었습니다. 모자란 ${b}은(는) 실행에서 잃었습니다.`,
      `You knew what you needed. The missing ${b} was lost in executing.`,
    ];
  else said = ["더 잘할 수 없습니다: 최적입니다.", "Nobody can do better: this is the optimum."];
  return [0, 1].map((i) => `${found[i]} ${said[i]}`);
}

// ---- small helpers for the document ---------------------------------------------------------------------------------

const SVG = "http://www.w3.org/2000/svg";
const LANGUAGES = ["ko", "en"];

function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function draw(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Both languages as lang-tagged elements. */
const say = (words, tag = "span") => words.map((text, i) => make(tag, { lang: LANGUAGES[i] }, text));
const both = (words) => words.join(" / ");

function button(words, act, attributes = {}) {
  const element = make("button", { type: "button", ...attributes }, ...say(words));
  element.addEventListener("click", act);
  return element;
}

/** 6 of 24 as "1/4". */
function fraction(part, whole) {
  if (part === 0) return "0";
  if (part === whole) return "1";
  const divisor = (a, b) => (b ? divisor(b, a % b) : a);
  const d = divisor(part, whole);
  return `${part / d}/${whole / d}`;
}

// ---- the map --------------------------------------------------------------------------------------------------------

const CELL = 40;
const SCREEN = { x: -13.5, y: -8.5, width: 18, height: 15 };

const ICONS = {
  bus: (name) =>
    draw("g", { class: "cx-bus" },
      draw("rect", { x: -13, y: -12, width: 26, height: 20, rx: 5 }),
      draw("circle", { class: "cx-wheel", cx: -7, cy: 9, r: 3.2 }),
      draw("circle", { class: "cx-wheel", cx: 7, cy: 9, r: 3.2 }),
      draw("text", { y: 3.4 }, name)),
  sign: (name) =>
    draw("g", { class: "cx-sign" },
      draw("path", { d: "M0 8V16M-5 16H5" }),
      draw("circle", { cy: -2.5, r: 11 }),
      draw("text", { y: 2.2 }, name)),
  map: () =>
    draw("g", { class: "cx-board" },
      draw("path", { class: "cx-sheet", d: "M-13 -9L-4.5 -12L4.5 -9L13 -12V9L4.5 12L-4.5 9L-13 12Z" }),
      draw("path", { class: "cx-fold", d: "M-4.5 -12V9M4.5 -9V12" }),
      draw("path", { class: "cx-route", d: "M-9 5C-4 -3 0 7 4 -1S8 -4 9 -4" })),
  tv: () =>
    draw("g", { class: "cx-tv" },
      draw("path", { class: "cx-antenna", d: "M-3 -9L-10 -17M-3 -9L4 -17" }),
      draw("rect", { class: "cx-set", x: -16, y: -11, width: 27, height: 20, rx: 3.5 }),
      draw("rect", { class: "cx-screen", x: SCREEN.x, y: SCREEN.y, width: SCREEN.width, height: SCREEN.height, rx: 1.5 }),
      draw("circle", { class: "cx-knob", cx: 8, cy: -6, r: 1.5 }),
      draw("circle", { class: "cx-knob", cx: 8, cy: -1.5, r: 1.5 }),
      draw("g", { class: "cx-lit" })),
  flag: () =>
    draw("g", { class: "cx-flag" },
      draw("path", { class: "cx-pole", d: "M-7 -13V14" }),
      draw("path", { class: "cx-cloth", d: "M-7 -13L11 -7.5L-7 -2Z" })),
  agent: () =>
    draw("g", { class: "cx-agent" },
      draw("circle", { class: "cx-halo", r: 12.5 }),
      draw("circle", { class: "cx-body", r: 10 }),
      draw("circle", { class: "cx-face", cy: -2.6, r: 2.9 }),
      draw("path", { class: "cx-face", d: "M-5.2 6.2A5.2 5 0 0 1 5.2 6.2Z" })),
};

class CityMap {
  constructor(city, onTap) {
    this.city = city;
    this.crowded = new Set([...city.stops, ...city.destinations, ...city.goals, ...(city.map ? [city.map] : [])].map(([x, y]) => x + y * city.width));
    const [width, height] = [city.width * CELL, city.height * CELL];
    this.svg = draw("svg", { viewBox: `-3 -3 ${width + 6} ${height + 6}`, class: "cx-city", role: "img" });
    this.svg.append(draw("rect", { class: "cx-ground", x: -3, y: -3, width: width + 6, height: height + 6, rx: 9 }));

    this.tiles = [];
    for (let state = 0; state < city.width * city.height; state++) {
      const [x, y] = this.centre(state);
      const tile = draw("rect", {
        class: "cx-tile", x: x - CELL / 2 + 1.5, y: y - CELL / 2 + 1.5, width: CELL - 3, height: CELL - 3, rx: 5,
      });
      tile.addEventListener("click", () => onTap(state));
      this.tiles.push(tile);
      this.svg.append(tile);
    }
    const home = this.place(draw("circle", { class: "cx-home", r: 9 }), city.start);
    this.links = draw("g", { class: "cx-links" });
    this.trails = draw("g", { class: "cx-trails" });
    const stops = city.stops.map((cell, i) => this.place(ICONS.bus(letter(i)), this.state(cell)));
    const signs = city.destinations.map((cell, i) => this.place(ICONS.sign(number(i)), this.state(cell)));
    const board = city.map ? [this.place(ICONS.map(), this.state(city.map))] : [];
    this.tv = city.tv ? [this.place(ICONS.tv(), this.state(city.tv.cell))] : [];
    this.flags = city.goals.map((cell) => {
      const shared = city.destinations.some((other) => other[0] === cell[0] && other[1] === cell[1]);
      return this.place(ICONS.flag(), this.state(cell), shared ? "translate(13px,-8px) scale(.58)" : "");
    });
    this.agent = ICONS.agent();
    this.mover = draw("g", { class: "cx-mover" }, this.agent);
    this.svg.append(home, this.links, this.trails, ...signs, ...stops, ...board, ...this.tv, ...this.flags, this.mover);
    this.at = null;
  }

  state([x, y]) {
    return x + y * this.city.width;
  }

  /** The middle of a state's cell; y points up in the task and down in SVG. */
  centre(state) {
    const { width, height } = this.city;
    return [((state % width) + 0.5) * CELL, (height - 0.5 - Math.floor(state / width)) * CELL];
  }

  place(icon, state, more = "") {
    const [x, y] = this.centre(state);
    icon.style.transform = `translate(${x}px,${y}px) ${more}`;
    return icon;
  }

  /** The bend of a bus line between two states: away from the middle of the city, so that lines stay apart. */
  bend(from, to) {
    const [[x0, y0], [x1, y1]] = [this.centre(from), this.centre(to)].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    const [dx, dy] = [x1 - x0, y1 - y0];
    return [(x0 + x1) / 2 - dy * 0.16, (y0 + y1) / 2 + dx * 0.16];
  }

  line(states, rides) {
    let d = `M${this.centre(states[0])}`;
    for (let i = 1; i < states.length; i++) {
      const to = this.centre(states[i]);
      d += rides.has(i) ? `Q${this.bend(states[i - 1], states[i])} ${to}` : `L${to}`;
    }
    return d;
  }

  show(round, played, known) {
    const { city } = this;
    const executing = round.phase !== "exploration";
    const explored = new Set(round.trails[0]);
    this.tiles.forEach((tile, state) => {
      tile.classList.toggle("cx-seen", explored.has(state));
      tile.classList.toggle("cx-near", this.near(round, state));
    });
    this.flags.forEach((flag, goal) => {
      flag.classList.toggle("cx-goal", executing && goal === played.goal);
      flag.classList.toggle("cx-maybe", !executing);
    });
    this.links.replaceChildren(
      ...known.map(([stop, to]) => {
        const [from, end] = [this.state(city.stops[stop]), this.state(city.destinations[to])];
        return draw("path", { class: "cx-link", d: `M${this.centre(from)}Q${this.bend(from, end)} ${this.centre(end)}` });
      })
    );
    this.trails.replaceChildren(
      ...round.trails.map((trail, episode) =>
        draw("path", { class: episode ? "cx-trail cx-paid" : "cx-trail", d: this.line(trail, round.rides[episode]) })
      )
    );
    this.tv.forEach((tv) => this.screen(tv, picture(city, played, round)));
    this.agent.classList.toggle("cx-paying", round.phase === "execution" || round.phase === "over");
    this.move(round);
  }

  /** Dark where nobody watches. */
  screen(tv, shown) {
    const { side, shining } = shown === null ? { side: 1, shining: [] } : lit(shown, this.city.tv.kinds);
    const [width, height] = [(SCREEN.width - 1) / side, (SCREEN.height - 1) / side];
    tv.querySelector(".cx-lit").replaceChildren(
      ...shining.map(([column, row]) =>
        draw("rect", { x: SCREEN.x + 1 + column * width, y: SCREEN.y + 1 + row * height, width: width - 1, height: height - 1 })
      )
    );
  }

  near(round, state) {
    if (round.phase !== "exploration" && round.phase !== "execution") return false;
    const { width } = this.city;
    const [dx, dy] = [(state % width) - (round.state % width), Math.floor(state / width) - Math.floor(round.state / width)];
    return Math.abs(dx) + Math.abs(dy) === 1;
  }

  move(round) {
    // Beside an icon, not on top of it; of a screen not even a corner is covered.
    const watching = this.city.tv && round.state === this.state(this.city.tv.cell);
    const [offset, scale] = watching ? [[12, 13], 0.62] : this.crowded.has(round.state) ? [[10, 9], 0.78] : [[0, 0], 1];
    const [x, y] = this.centre(round.state);
    const to = [x + offset[0], y + offset[1]];
    const end = `translate(${to[0]}px,${to[1]}px) scale(${scale})`;
    const before = this.at;
    this.mover.style.transform = end;
    this.at = { state: round.state, to, scale };
    this.mover.getAnimations?.().forEach((animation) => animation.cancel());
    if (!before || before.state === round.state || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const frames = [];
    if (round.event.kind === "ride") {
      const [bx, by] = this.bend(round.event.from, round.state);
      for (let i = 0; i <= 8; i++) {
        const t = i / 8;
        const at = [0, 1].map((k) => (1 - t) ** 2 * before.to[k] + 2 * t * (1 - t) * [bx, by][k] + t * t * to[k]);
        frames.push({ transform: `translate(${at[0]}px,${at[1]}px) scale(${before.scale + (scale - before.scale) * t})` });
      }
      this.mover.animate(frames, { duration: 280, easing: "ease-in-out" });
    } else {
      const start = `translate(${before.to[0]}px,${before.to[1]}px) scale(${before.scale})`;
      this.mover.animate([{ transform: start }, { transform: end }], { duration: 110, easing: "ease-out" });
    }
  }
}

// ---- the belief -----------------------------------------------------------------------------------------------------

class Belief {
  constructor(city, onToggle) {
    this.city = city;
    this.toggle = make("button", { type: "button", class: "cx-small" });
    this.toggle.addEventListener("click", onToggle);
    this.squares = Array.from({ length: city.problems }, () => make("i"));
    this.left = make("span", { class: "cx-figure" });
    this.information = make("span", { class: "cx-figure" });
    this.gauge = make("b");
    const head = city.destinations.map((_, to) => make("th", { scope: "col" }, make("span", { class: "cx-dot" }, number(to))));
    this.cells = city.stops.map(() => city.destinations.map(() => make("td")));
    const rows = this.cells.map((row, stop) =>
      make("tr", {}, make("th", { scope: "row" }, make("span", { class: "cx-tag" }, letter(stop))), ...row)
    );
    const table = make("table", { class: "cx-matrix" },
      make("caption", {}, ...say(WORDS.matrix)),
      make("thead", {}, make("tr", {}, make("td"), ...head)),
      make("tbody", {}, ...rows));
    this.shown = make("div", {},
      make("div", { class: "cx-count" }, this.left),
      make("div", { class: "cx-squares", "aria-hidden": "true" }, ...this.squares),
      make("div", { class: "cx-count" }, this.information),
      make("div", { class: "cx-gauge", "aria-hidden": "true" }, this.gauge),
      table,
      (this.truth = make("div", { class: "cx-soft cx-truth" }, ...say(WORDS.truth))));
    this.hidden = make("p", { class: "cx-predict" }, ...say(WORDS.predict));
    this.element = make("section", { class: "cx-belief" },
      make("div", { class: "cx-row" }, make("h4", {}, ...say(WORDS.belief)), this.toggle), this.shown, this.hidden);
  }

  /** @param route where the buses really go, once the round is over; until then null. */
  show(possible, visible, route) {
    const { city } = this;
    this.truth.hidden = route === null;
    const n = count(possible);
    this.shown.hidden = !visible;
    this.hidden.hidden = visible;
    this.toggle.replaceChildren(...say(visible ? WORDS.hide : WORDS.show));
    this.toggle.setAttribute("aria-expanded", String(visible));
    this.squares.forEach((square, m) => square.classList.toggle("cx-out", !possible[m]));
    this.left.replaceChildren(...say(WORDS.left(n, city.problems)));
    const most = Math.log(city.problems);
    this.information.replaceChildren(...say(WORDS.information(nats(possible).toFixed(2), most.toFixed(2))));
    this.gauge.style.width = `${(100 * nats(possible)) / most}%`;
    counts(city, possible).forEach((row, stop) =>
      row.forEach((part, to) => {
        const cell = this.cells[stop][to];
        cell.textContent = fraction(part, n);
        cell.style.setProperty("--p", part / n);
        cell.className = part === 0 ? "cx-never" : part === n ? "cx-sure" : "";
        cell.classList.toggle("cx-real", route !== null && route[stop] === to);
      })
    );
  }
}

// ---- the score ------------------------------------------------------------------------------------------------------

function scoreboard(city, row, gambled) {
  const low = Math.min(0, row.return, row.best, city.walking);
  const at = (value) => (100 * (value - low)) / (1 - low);
  const bars = [
    ["you", row.return, "cx-you"],
    ["knew", row.best, "cx-knew"],
    ["walking", city.walking, ""],
    ["optimum", city.optimum, ""],
  ].map(([name, value, style]) => {
    const from = Math.min(at(0), at(value));
    const bar = make("b", { class: style, style: `left:${from}%;width:${Math.abs(at(value) - at(0))}%` });
    const zero = make("i", { style: `left:${at(0)}%` });
    return make("div", { class: "cx-bar" },
      make("span", { class: "cx-label" }, ...say(WORDS[name])),
      make("span", { class: "cx-track" }, bar, zero),
      make("span", { class: "cx-value" }, signed(value)));
  });
  return [make("h4", {}, ...say(WORDS.score)), ...bars, make("p", { class: "cx-verdict" }, ...say(verdict(city, row, gambled)))];
}

function roundsTable(city, rounds) {
  const counted = rounds.filter((row) => !row.again);
  const mean = (key, digits) => (counted.reduce((sum, row) => sum + row[key], 0) / counted.length).toFixed(digits).replace("-", "−");
  const cells = (tag, values) => make("tr", {}, ...values.map((value) => make(tag, {}, ...[value].flat())));
  const body = rounds.map((row, i) =>
    cells("td", [`${i + 1}${row.again ? " ↺" : ""}`, String(row.explored), row.nats.toFixed(2), signed(row.best), signed(row.return)])
  );
  const foot = counted.length
    ? [make("tfoot", {}, cells("td", [say(WORDS.mean), mean("explored", 1), mean("nats", 2), mean("best", 2), mean("return", 2)]))]
    : [];
  return [
    make("h4", {}, ...say(WORDS.rounds)),
    make("div", { class: "cx-scroll" },
      make("table", {},
        make("thead", {}, cells("th", ["#", say(WORDS.explored), say(WORDS.gained), say(WORDS.best), say(WORDS.paidoff)])),
        make("tbody", {}, ...body), ...foot)),
    make("p", { class: "cx-note" }, ...say(WORDS.lines(signed(city.walking), signed(city.optimum)), "div"),
      ...(rounds.some((row) => row.again) ? say(WORDS.repeats, "div") : [])),
  ];
}

// ---- the game -------------------------------------------------------------------------------------------------------

const KEYS = { ArrowRight: "right", ArrowUp: "up", ArrowLeft: "left", ArrowDown: "down", w: "wait", r: "ride", " ": "ride" };
const SHIFT = { right: [1, 0], up: [0, 1], left: [-1, 0], down: [0, -1] };

function render({ model, el }) {
  const tables = readTables((name) => model.get(name));
  const { city } = tables;
  let round = null;

  // JupyterLab leaves keys alone that are pressed inside data-lm-suppress-shortcuts.
  const root = make("div", {
    class: "cx course-widget", tabindex: "0", role: "group", "data-lm-suppress-shortcuts": "true", "aria-label": both([city.title.ko, city.title.en]),
  });

  // ---- acting

  function save(changes) {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    const manager = model.widget_manager;
    if (manager && "kernel" in manager && (!manager.kernel || manager.kernel.isDisposed)) return; // nobody to tell
    try {
      model.save_changes();
    } catch (error) {
      console.info("The kernel is away; the game goes on in the browser.", error.message);
    }
  }

  function act(name) {
    const played = model.get("played");
    const action = city.actions.indexOf(name);
    if (round.phase === "exploration") save({ played: { ...played, exploration: [...played.exploration, action] } });
    else if (round.phase === "execution") {
      const next = { ...played, execution: [...played.execution, action] };
      const after = replay(tables, next);
      const rounds = model.get("rounds");
      save({ played: next, ...(after.phase === "over" ? { rounds: [...rounds, result(tables, next, after)] } : {}) });
    }
  }

  function begin() {
    if (round.phase === "between") save({ played: { ...model.get("played"), execution: [] } });
  }

  function again(same) {
    const played = model.get("played");
    const turn = played.turn + (same ? 0 : 1);
    const [problem, goal] = same ? [played.problem, played.goal] : city.draws[turn % city.draws.length];
    save({ played: { turn, problem, goal, again: same, showing: played.showing + 1, exploration: [], execution: null } });
  }

  /** One step towards a tapped cell; on one's own cell, the bus. */
  function tap(state) {
    root.focus({ preventScroll: true });
    if (round.phase === "between") return begin();
    const { width } = city;
    const [dx, dy] = [(state % width) - (round.state % width), Math.floor(state / width) - Math.floor(round.state / width)];
    if (dx === 0 && dy === 0) return stopAt(round.state) && act("ride");
    const [sx, sy] = Math.abs(dx) >= Math.abs(dy) ? [Math.sign(dx), 0] : [0, Math.sign(dy)];
    act(Object.keys(SHIFT).find((name) => SHIFT[name][0] === sx && SHIFT[name][1] === sy));
  }

  // Notebook 7 hears keys before this element does, and looks for the mark from the focused one on upwards: past a
  // button of ours it would find its own shortcut first.
  root.addEventListener("focusin", (event) => event.target.setAttribute("data-lm-suppress-shortcuts", "true"));
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    event.stopPropagation();
    const onButton = event.target.closest("button") !== null;
    const presses = event.key === "Enter" || event.key === " ";
    if (event.key === "Tab" || event.key === "Shift" || (onButton && presses)) return; // the browser's own
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const held = event.repeat && !key.startsWith("Arrow");
    if (key in KEYS || key === "e" || key === "Enter" || key === "n") event.preventDefault();
    if (held) return;
    if (key === "Escape") root.blur();
    else if (key === "Enter" || (key === " " && round.phase === "between")) begin();
    else if (key === "e" && round.phase === "exploration") act("end");
    else if (key === "n" && round.phase === "over") again(false);
    else if (key in KEYS) act(KEYS[key]);
  });

  // ---- the page

  const map = new CityMap(city, tap);
  const belief = new Belief(city, () => save({ show_belief: !model.get("show_belief") }));
  const chip = make("span", { class: "cx-chip" });
  const left = make("span", { class: "cx-figure" });
  const worth = make("span", { class: "cx-soft" });
  const pips = Array.from({ length: city.horizon }, () => make("i"));
  const message = make("div", { class: "cx-message", "aria-live": "polite" });
  const buttons = {
    ride: button(WORDS.ride, () => act("ride"), { class: "cx-strong" }),
    wait: button(WORDS.wait, () => act("wait")),
    end: button(WORDS.end, () => act("end")),
    execute: button(WORDS.execute, begin, { class: "cx-strong cx-pay" }),
    fresh: button(WORDS.fresh, () => again(false), { class: "cx-strong" }),
    same: button(WORDS.again, () => again(true)),
  };
  const score = make("section", { class: "cx-score" });
  const rounds = make("section", { class: "cx-rounds" });
  const keys = make("div", { class: "cx-focused" });
  const hints = make("div", { class: "cx-hint" }, keys, make("div", { class: "cx-unfocused" }, ...say(WORDS.unfocused)));
  root.append(
    make("header", { class: "cx-row" }, chip, make("span", { class: "cx-pips", "aria-hidden": "true" }, ...pips), left, worth),
    make("div", { class: "cx-main" },
      make("div", { class: "cx-frame", style: `max-width:${66 * city.width}px` }, map.svg),
      make("div", { class: "cx-side" },
        make("div", {}, make("div", { class: "cx-buttons" }, ...Object.values(buttons)), hints),
        message, score, belief.element),
      rounds));
  el.append(root);

  const stopAt = (state) => {
    const is = (cell) => map.state(cell) === state;
    const stop = city.stops.findIndex(is);
    if (stop >= 0) return WORDS.atbus(letter(stop));
    const to = city.destinations.findIndex(is);
    return to >= 0 ? WORDS.atend(number(to)) : null;
  };

  /** What there is to say about the last action: pairs [ko, en], one a line. */
  function news(played) {
    if (round.phase === "between") return [WORDS.named, WORDS.cost(city.waiting_cost)];
    const { kind, from, to } = round.event;
    if (round.phase === "over") return [map.state(city.goals[played.goal]) === round.state ? WORDS.arrived : WORDS.late];
    if (kind === "begin" && round.phase === "exploration") return tables.ends.subarray(0, tables.states).includes(1) ? [WORDS.hello, WORDS.stops] : [WORDS.hello];
    if (kind === "begin") return [WORDS.go];
    const at = (cells, state) => cells.findIndex((cell) => map.state(cell) === state);
    const said = [];
    if (kind === "ride" && from !== to) {
      const stop = at(city.stops, from);
      said.push(stop >= 0 ? WORDS.rode(letter(stop), number(at(city.destinations, to))) : WORDS.back(number(at(city.destinations, from)), letter(at(city.stops, to))));
    } else if (kind === "ride") said.push(WORDS.nobus);
    else if (kind === "wait") said.push(WORDS.waited);
    else if (from === to) said.push(WORDS.wall);
    if (city.map && map.state(city.map) === to) {
      const route = city.routes[played.problem];
      said.push(WORDS.map(city.stops.map((_, stop) => `${letter(stop)}→${number(route[stop])}`).join("  ")));
    } else if (kind !== "ride" && stopAt(to)) said.push(stopAt(to));
    const shown = picture(city, played, round);
    if (shown !== null) said.push(WORDS.shows(shown, city.tv.kinds));
    return said.length ? said : [[" ", " "]];
  }

  function update() {
    const played = model.get("played");
    const focused = root.contains(document.activeElement);
    round = replay(tables, played);
    root.dataset.phase = round.phase;
    const { phase } = round;

    chip.replaceChildren(...say(phase === "exploration" ? WORDS.exploration : WORDS.execution));
    const clock = phase === "between" ? 0 : round.clock;
    left.replaceChildren(...say(WORDS.steps(city.horizon - clock)));
    worth.replaceChildren(...say(phase === "exploration" ? WORDS.free : WORDS.paid(round.earned)));
    pips.forEach((pip, i) => pip.classList.toggle("cx-used", i < clock));
    message.replaceChildren(...LANGUAGES.map((lang, i) => make("div", { lang }, news(played).map((words) => words[i]).join(" "))));

    keys.replaceChildren(...say(WORDS.keys[phase]));
    const playing = phase === "exploration" || phase === "execution";
    buttons.ride.hidden = buttons.wait.hidden = !playing;
    buttons.ride.classList.toggle("cx-dim", !stopAt(round.state));
    buttons.end.hidden = phase !== "exploration";
    buttons.execute.hidden = phase !== "between";
    buttons.fresh.hidden = buttons.same.hidden = phase !== "over";
    // A hidden button loses the focus, and the next arrow key would move the notebook's selection instead.
    if (focused && (!root.contains(document.activeElement) || document.activeElement.hidden)) root.focus({ preventScroll: true });

    const visible = model.get("show_belief");
    const sure = counts(city, round.possible).flatMap((row, stop) =>
      row.flatMap((part, to) => (part === count(round.possible) ? [[stop, to]] : []))
    );
    map.show(round, played, visible ? sure : []);
    const cell = [round.state % city.width, Math.floor(round.state / city.width)];
    const [shown, tv] = [picture(city, played, round), city.tv?.cell];
    const watched = shown !== null ? WORDS.shows(shown, city.tv.kinds) : tv ? WORDS.tv(tv) : ["", ""];
    const words = [`도시 지도, 현재 위치 (${cell})`, `city map, you are at (${cell})`];
    map.svg.setAttribute("aria-label", both(words.map((text, i) => (watched[i] ? `${text}, ${watched[i]}` : text))));
    belief.show(round.possible, visible, phase === "over" ? city.routes[played.problem] : null);

    score.hidden = phase !== "over";
    if (phase === "over") {
      const gambled = count(round.knew) > count(round.possible);
      score.replaceChildren(...scoreboard(city, result(tables, played, round), gambled));
    }
    const finished = model.get("rounds");
    rounds.hidden = finished.length === 0;
    if (finished.length) rounds.replaceChildren(...roundsTable(city, finished));
  }

  model.on("change:played change:rounds change:show_belief", update);
  update();
  return () => model.off("change:played change:rounds change:show_belief", update);
}

export default { render };
