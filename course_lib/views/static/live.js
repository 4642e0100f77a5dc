// The live view in the browser: the panels that a frame of the kernel (small typed arrays, see views/panels.py) is drawn
// in. The page around them is page.js's.

Object.assign(WORDS, {
  perSecond: ["스텝/초", "steps/s"],
  updates: ["업데이트", "update"],
  trial: ["트라이얼", "Trial"],
  return: ["리턴", "return"],
  exploration: ["탐험", "exploration"],
  execution: ["실행", "execution"],
  pauseStep: ["에피소드 사이", "between episodes"],
  over: ["트라이얼 끝", "trial over"],
  bound: ["하한과 정확한 정보", "The bound and the exact information"],
  boundLine: ["하한", "the bound"],
  boundExact: ["정확한 정보 I(τ; z)", "exact information I(τ; z)"],
  boundAll: ["z가 담은 전부", "all that z holds"],
  boundGap: ["간격", "gap"],
  gain: ["스텝마다의 정보 이득", "Information gain of each step"],
  gainExact: ["문제에 대해, 정확히", "about the problem, exactly"],
  gainTold: ["z에 대해, 디코더에게", "about z, to the decoder"],
  belief: ["문제에 대한 신념", "Belief over the problems"],
  learned: ["배운 신념", "learned belief"],
  truth: ["진짜 문제", "the true problem"],
  apart: ["거리", "distance"],
  city: ["탐험자가 가는 곳", "Where the explorer goes"],
  actions: ["스텝마다 고른 행동", "Actions chosen at each step"],
  bus: ["버스", "bus"],
  map: ["지도", "map"],
  tv: ["텔레비전", "television"],
  visits: ["방문", "visits"],
  heat: ["한 트라이얼의 은닉 상태", "Hidden states of one trial"],
  units: ["유닛", "units"],
  negative: ["음수", "negative"],
  positive: ["양수", "positive"],
  begins: ["실행 시작", "execution begins"],
  points: ["은닉 상태의 2차원 투영", "Hidden states in two dimensions"],
  byProblem: ["색과 모양: 문제", "colour and shape: problem"],
  byAction: ["색: 행동", "colour: action"],
  chosen: ["고른 트라이얼", "the chosen trial"],
  variance: ["분산", "variance"],
  latent: ["z의 사후 분포", "Posterior over z"],
  walk: ["뽑은 z가 이끈 에피소드", "The episode it led to"],
  prior: ["사전 분포", "prior"],
  deviation: ["표준편차", "standard deviation"],
  found: ["목표를 찾음", "goal found"],
  notFound: ["아직 못 찾음", "not found yet"],
  probe: ["은닉 상태에서 문제 읽기", "Reading the problem from h"],
  probeLine: ["선형 프로브", "linear probe"],
  best: ["정확한 신념", "exact belief"],
  chance: ["찍기", "chance"],
  gauges: ["두 개의 계기판", "Two gauges"],
  information: ["탐험이 얻은 정보", "Information from exploration"],
  executionGauge: ["완벽한 탐험이 주어진 실행", "Execution given perfect exploration"],
  informationShort: ["정보", "Information"], // where both languages share one line
  executionGaugeShort: ["실행", "Execution"],
  nats: ["nat", "nats"],
  keys: ["화면을 한 번 누르면: 스페이스 = 실행·일시 정지 · ←→ = 스텝 t · ↑↓ = 트라이얼", "Click the view once: space = run or pause · ←→ = step t · ↑↓ = trial"],
});

// ---- frames --------------------------------------------------------------------------------------------

// What the step t of the chosen trial is: exploring, between the episodes, executing, or over.
function phase(frame, n, t) {
  if (t >= frame.trial_length[n]) return "over";
  if (!row(frame.trial_valid, n)[t]) return "pauseStep";
  return row(frame.trial_instruction, n)[t] > 0 ? "execution" : "exploration";
}
function goalOf(frame, n) {
  return frame.city ? Math.max(...row(frame.trial_instruction, n)) : 0;
}

// ---- drawing -------------------------------------------------------------------------------------------

/** Time in a trial: where execution begins in most trials, and the cursor. */
function timeMarks(pen, { sx, y0, y1 }, ui, frame, begin) {
  const { theme } = pen;
  if (Number.isFinite(begin) && frame.instructed) {
    pen.line([[sx(begin), y0], [sx(begin), y1]], theme.card, 3);
    pen.line([[sx(begin), y0], [sx(begin), y1]], theme.execute, 1.5, [4, 3]);
  }
  pen.line([[sx(ui.t), y0], [sx(ui.t), y1]], theme.card, 3);
  pen.line([[sx(ui.t), y0], [sx(ui.t), y1]], theme.ink, 1);
}

// Eight colours in three shapes tell 24 problems apart, without relying on hue alone.
function glyph(pen, x, y, r, problem) {
  const g = pen.g;
  g.fillStyle = OKABE_ITO[problem % 8];
  const shape = Math.floor(problem / 8) % 3;
  g.beginPath();
  if (shape === 0) g.arc(x, y, r, 0, 7);
  else if (shape === 1) g.rect(x - r * 0.88, y - r * 0.88, r * 1.76, r * 1.76);
  else {
    g.moveTo(x, y - r * 1.2);
    g.lineTo(x + r * 1.1, y + r * 0.8);
    g.lineTo(x - r * 1.1, y + r * 0.8);
    g.closePath();
  }
  g.fill();
}

// Of a training that diverged, a curve may have no number at all.
const measured = (curve) => Boolean(curve?.some(Number.isFinite));
const lastOf = (array) => {
  for (let i = array.length - 1; i >= 0; i--) if (Number.isFinite(array[i])) return array[i];
  return NaN;
};
function rangeOf(...values) {
  const all = values.flatMap((v) => (v?.length !== undefined ? [...v] : [v])).filter(Number.isFinite);
  return [Math.min(...all), Math.max(...all)];
}

// ---- panels: each says when it can be shown, draws, and puts its numbers into words -----------------------

const PANELS = [
  {
    key: "curve",
    shown: (f) => measured(f.curve_test_return),
    value: (f) => decimals(lastOf(f.curve_test_return)),
    words: (f) =>
      joined(WORDS.curve, ` ${decimals(lastOf(f.curve_test_return))}, `, WORDS.optimal, ` ${decimals(f.references.optimal_return)}, `,
        WORDS.walking, ` ${decimals(f.references.no_exploration_return)}, ${grouped(f.env_steps)} `, WORDS.steps),
    draw(pen, f) {
      const { theme } = pen;
      const lines = [["optimal", f.references.optimal_return], ["walking", f.references.no_exploration_return]].filter((l) => Number.isFinite(l[1]));
      const [low, high] = rangeOf(f.curve_test_return, ...lines.map((l) => l[1]));
      const pad = Math.max(0.05, (high - low) * 0.12);
      const x = f.curve_env_steps;
      const s = pen.axes([0, Math.max(f.env_steps, 1)], [low - pad / 2, high + pad], { xLabel: say("envSteps"), yTicks: 5 });
      for (const [key, value] of lines) {
        pen.line([[s.x0, s.sy(value)], [s.x1, s.sy(value)]], theme.ink, 1, [5, 4]);
      }
      pen.line([...x].map((v, i) => [s.sx(v), s.sy(f.curve_test_return[i])]), theme.explore, 2);
      const last = x.length - 1;
      pen.dot(s.sx(x[last]), s.sy(f.curve_test_return[last]), 3.5, theme.explore);
      for (const [key, value] of lines) {
        pen.text(`${say(key)} ${decimals(value)}`, s.x0 + 4, s.sy(value) - 7, { color: theme.ink, halo: true });
      }
    },
  },
  {
    key: "gauges",
    shown: (f) => gaugesOf(f).length,
    value: () => "",
    words: (f) => joined(...gaugesOf(f).flatMap((gauge, i) => [i ? ", " : "", WORDS[gauge.key], ` ${decimals(gauge.value)} / ${decimals(gauge.high)}`])),
    draw(pen, f) {
      const { theme, w } = pen;
      const gauges = gaugesOf(f);
      const each = pen.h / gauges.length;
      gauges.forEach(({ key, color, value, low, high, unit, past }, i) => {
        const top = i * each;
        const part = Math.min(1, Math.max(0, (value - low) / (high - low)));
        const [y, thick] = [top + 24, 10];
        const both = !["ko", "en"].includes(language());
        pen.text(say(both ? `${key}Short` : key), 0, top + 10, { color: theme.ink, max: w - 76 });
        pen.text(`${value < low ? "◂ " : ""}${decimals(value)}${unit}`, w, top + 10, { color: theme.ink, align: "right" });
        pen.g.fillStyle = theme.line;
        pen.g.fillRect(0, y, w, thick);
        pen.g.fillStyle = theme[color];
        pen.g.fillRect(0, y, w * part, thick);
        const ends = i === 1 || key === "executionGauge" ? [low, high].map((end, k) => `${both ? "" : say(k ? "optimal" : "walking")} ${decimals(end)}`.trim()) : ["0", `${decimals(high)}${unit}`];
        pen.text(ends[0], 0, y + thick + 9);
        pen.text(ends[1], w, y + thick + 9, { align: "right" });
        if (past?.length > 1) {
          const [y0, y1] = [top + each - 6, y + thick + 20];
          const x = f.curve_env_steps;
          const scale = (v) => y0 + (Math.min(1, Math.max(0, (v - low) / (high - low))) * (y1 - y0));
          pen.line([[0, y0], [w, y0]], theme.line, 1);
          pen.line([...past].map((v, k) => [(x[k] / Math.max(f.env_steps, 1)) * (w - 4), scale(v)]), theme[color], 1.5);
        }
      });
    },
  },
  {
    key: "bound",
    shown: (f) => measured(f.curve_information_bound) && measured(f.curve_code_information) && measured(f.curve_code_information_max),
    legend: () => [["line", "execute", "boundLine"], ["line", "explore", "boundExact"], ["dash", "ink", "boundAll"]],
    value: (f) => `${decimals(lastOf(f.curve_information_bound))} ${pick(WORDS.nats)}`.replace(/nat · nats/, "nats"),
    words: (f) =>
      joined(WORDS.boundLine, ` ${decimals(lastOf(f.curve_information_bound))}, `, WORDS.boundExact, ` ${decimals(lastOf(f.curve_code_information))}, `,
        WORDS.boundAll, ` ${decimals(lastOf(f.curve_code_information_max))} `, WORDS.nats),
    draw(pen, f) {
      const { theme } = pen;
      const x = f.curve_env_steps;
      const most = rangeOf(f.curve_code_information_max)[1];
      const [low, high] = [-0.6 * most, 1.15 * most]; // before training the bound may lie a hundred nats below 0
      const s = pen.axes([0, Math.max(f.env_steps, 1)], [low, high], { xLabel: say("envSteps"), yTicks: 5 });
      const curve = (values) => [...values].map((v, i) => [s.sx(x[i]), s.sy(Math.max(v, low))]);
      const [bound, exact] = [f.curve_information_bound, f.curve_code_information];
      pen.g.globalAlpha = 0.14; // what lies between the two is the decoder's error
      pen.g.fillStyle = theme.execute;
      pen.g.beginPath();
      [...curve(exact), ...curve(bound).reverse()].forEach(([px, py], i) => (i ? pen.g.lineTo(px, py) : pen.g.moveTo(px, py)));
      pen.g.fill();
      pen.g.globalAlpha = 1;
      pen.line([[s.x0, s.sy(0)], [s.x1, s.sy(0)]], theme.soft, 1);
      pen.line(curve(f.curve_code_information_max), theme.ink, 1, [5, 4]);
      pen.line(curve(exact), theme.explore, 2);
      pen.line(curve(bound), theme.execute, 2);
      const gap = lastOf(exact) - lastOf(bound);
      pen.text(`${say("boundGap")} ${decimals(gap)}`, s.x1 - 4, s.sy(Math.max(lastOf(bound), low)) + (gap > 0.25 * most ? -10 : 12), { align: "right", color: theme.execute, halo: true });
    },
  },
  {
    key: "city",
    shown: (f) => f.visits,
    legend: ({ city, instructed }) => [["square", "explore", "visits"], ["line", "explore", "exploration"], ...(instructed ? [["line", "execute", "execution"]] : []),
      ...(city.stops.length ? [["bus", "soft", "bus"]] : []), ["goal", "ink", "goal"], ...(city.map ? [["map", "ink", "map"]] : []),
      ...(city.tv ? [["tv", "ink", "tv"]] : [])],
    value: () => "",
    words(f, ui) {
      const most = f.visits.indexOf(Math.max(...f.visits));
      return joined(WORDS.city, ": ", WORDS.visits, ` ${decimals(f.visits[most], 1)} (${most % f.city.width}, ${Math.floor(most / f.city.width)}); `,
        WORDS.trial, ` ${ui.n + 1}, `, WORDS.curve, ` ${decimals(f.trial_return[ui.n])}`, ...(f.city.tv ? ["; ", WORDS.tv, ` (${f.city.tv})`] : []));
    },
    draw: drawCity,
  },
  {
    key: "gain",
    shown: (f) => f.gain_exact,
    legend: (f) => [["square", "explore", "gainExact"], ...(f.gain_told ? [["line", "ink", "gainTold"]] : [])],
    value: (f, ui) => `${decimals(row(f.gain_exact, ui.n)[ui.t])} ${pick(WORDS.nats)}`.replace(/nat · nats/, "nats"),
    words: (f, ui) =>
      joined(`t = ${ui.t}: `, WORDS.gainExact, ` ${decimals(row(f.gain_exact, ui.n)[ui.t])}`,
        ...(f.gain_told ? [", ", WORDS.gainTold, ` ${decimals(row(f.gain_told, ui.n)[ui.t])} `] : [" "]), WORDS.nats),
    pick: (f, ui, x, y, w) => ({ t: Math.floor(((x - 32) / (w - 40)) * f.gain_exact.shape[1]) }),
    draw(pen, f, ui) {
      const { theme } = pen;
      const T = f.gain_exact.shape[1];
      const [exact, told] = [row(f.gain_exact, ui.n), f.gain_told && row(f.gain_told, ui.n)];
      const [low, high] = rangeOf(f.gain_exact, f.gain_told ?? 0, 0, 0.2);
      const s = pen.axes([0, T], [low, high * 1.05], { xLabel: say("time"), yTicks: 4 });
      const wide = Math.max(1, s.sx(1) - s.sx(0) - 1.5);
      for (let t = 0; t < f.trial_length[ui.n]; t++) {
        pen.g.globalAlpha = t < ui.t ? 1 : 0.45; // as on the path: what lies ahead is faint
        pen.g.fillStyle = phase(f, ui.n, t) === "execution" ? theme.execute : theme.explore;
        pen.g.fillRect(s.sx(t) + 0.75, Math.min(s.sy(exact[t]), s.sy(0)), wide, Math.abs(s.sy(exact[t]) - s.sy(0)));
        pen.g.globalAlpha = 1;
        if (told && Math.abs(told[t]) > 1e-6) pen.line([[s.sx(t), s.sy(told[t])], [s.sx(t + 1), s.sy(told[t])]], theme.ink, 2);
      }
      pen.line([[s.x0, s.sy(0)], [s.x1, s.sy(0)]], theme.soft, 1);
      pen.g.strokeStyle = theme.ink;
      pen.g.lineWidth = 1;
      pen.g.strokeRect(s.sx(ui.t), s.y1, s.sx(1) - s.sx(0), s.y0 - s.y1);
    },
  },
  {
    key: "belief",
    shown: (f) => f.belief_learned,
    legend: () => [["square", "explore", "learned"], ["line", "ink", "best"], ["triangle", "execute", "truth"]],
    value: (f, ui) => `${decimals(100 * beliefsOf(f, ui).learned[f.trial_problem[ui.n]], 0)} %`, // in what is true
    words(f, ui) {
      const { exact, learned, apart } = beliefsOf(f, ui);
      const most = learned.indexOf(Math.max(...learned));
      return joined(`t = ${ui.t}: `, WORDS.learned, ` ${decimals(100 * learned[most], 0)} % (`, WORDS.problem, ` ${most}), `, WORDS.best,
        ` ${decimals(100 * exact[most], 0)} %, `, WORDS.apart, ` ${decimals(apart)}, `, WORDS.truth, ` ${f.trial_problem[ui.n]}`);
    },
    draw(pen, f, ui) {
      const { theme, g } = pen;
      const { exact, learned } = beliefsOf(f, ui);
      const M = exact.length;
      const s = pen.axes([-0.5, M - 0.5], [0, 1], { left: 38, top: 10, xLabel: say("problem"), xFormat: (v) => (Number.isInteger(v) ? v : ""), yFormat: (v) => `${Math.round(v * 100)}%` });
      const wide = Math.max(1, (s.sx(1) - s.sx(0)) * 0.8);
      for (let m = 0; m < M; m++) {
        g.fillStyle = theme.explore;
        g.fillRect(s.sx(m) - wide / 2, s.sy(learned[m]), wide, s.y0 - s.sy(learned[m]));
        pen.line([[s.sx(m) - wide / 2 - 1, s.sy(exact[m])], [s.sx(m) + wide / 2 + 1, s.sy(exact[m])]], theme.ink, 2);
      }
      const x = s.sx(f.trial_problem[ui.n]);
      g.fillStyle = theme.execute;
      g.beginPath();
      [[x, s.y1 - 1], [x - 5, s.y1 - 8], [x + 5, s.y1 - 8]].forEach(([px, py], i) => (i ? g.lineTo(px, py) : g.moveTo(px, py)));
      g.fill();
      pen.text(`t = ${ui.t}`, pen.w - 4, 8, { align: "right", halo: true });
    },
  },
  {
    key: "latent",
    shown: (f) => f.latent_mean,
    legend: (f) => [...episodesOf(f), ["dash", "soft", "prior"]],
    value: (f, ui) => `σ ${latentOf(f, ui.n, episodeAt(f, ui)).map(([, deviation]) => decimals(deviation)).join(", ")}`,
    words: (f, ui) =>
      joined(WORDS.latent, `: ${episodeAt(f, ui) + 1}, `, WORDS.deviation, " ", latentOf(f, ui.n, episodeAt(f, ui)).map(([, deviation]) => decimals(deviation)).join(", ")),
    draw(pen, f, ui) {
      const { theme, g } = pen;
      const [, K, D] = f.latent_mean.shape;
      const now = episodeAt(f, ui);
      const reach = f.latent_reach;
      const wide = reach * Math.max(1, (pen.w - 40) / (pen.h - 38)); // as many pixels a unit as upwards: a circle is round
      const s = D > 1
        ? pen.axes([-wide, wide], [-reach, reach], { xLabel: `z${f.latent_axes[0] + 1}`, xFormat: (v) => v, yFormat: (v) => v })
        : pen.axes([-reach, reach], [K + 0.6, -0.6], { xLabel: "z", xFormat: (v) => v, yFormat: (v) => (Number.isInteger(v) && v > 0 && v <= K ? v : ""), yTicks: K });
      const shape = (parts, y, size, color, width, dash) => {
        const [[m, d], second] = parts;
        if (!Number.isFinite(m)) return;
        Object.assign(g, { strokeStyle: color, lineWidth: width });
        g.setLineDash(dash);
        g.beginPath();
        if (second) g.ellipse(s.sx(m), s.sy(second[0]), Math.abs(s.sx(size * d) - s.sx(0)), Math.abs(s.sy(size * second[1]) - s.sy(0)), 0, 0, 7);
        else {
          g.moveTo(s.sx(m - size * d), s.sy(y));
          g.lineTo(s.sx(m + size * d), s.sy(y));
        }
        g.stroke();
        g.setLineDash([]);
      };
      g.save();
      g.beginPath();
      g.rect(s.x0, s.y1, s.x1 - s.x0, s.y0 - s.y1);
      g.clip();
      for (const size of [1, 2]) {
        shape(D > 1 ? [[0, 1], [0, 1]] : [[0, 1]], 0, size, theme.soft, 1, [4, 3]);
        for (let k = 0; k < K; k++) {
          g.globalAlpha = k > now ? 0.15 : k === now ? 1 : 0.55; // as on the path: what lies ahead is faint
          shape(latentOf(f, ui.n, k), k + 1, size, OKABE_ITO[k % 8], (D > 1 ? 1.2 : 6 / size ** 2) + (k === now && D > 1 ? 1 : 0), []);
        }
        g.globalAlpha = 1;
      }
      g.restore();
    },
  },
  {
    key: "walk",
    shown: (f) => f.walk,
    legend: (f) => episodesOf(f),
    value: (f, ui) => pick(WORDS[foundBy(f, ui) ? "found" : "notFound"]),
    words: (f, ui) => joined(WORDS.walk, `: ${episodeAt(f, ui) + 1}, t = ${ui.t}, `, WORDS[foundBy(f, ui) ? "found" : "notFound"]),
    draw(pen, f, ui) {
      const { theme, g } = pen;
      const unit = Math.min((pen.w - 16) / 2.9, (pen.h - 16) / 1.75);
      const at = (x, y) => [pen.w / 2 + x * unit, pen.h - 8 - (y + 0.3) * unit];
      for (let m = 0; m < f.walk_goals.shape[0]; m++) pen.dot(...at(f.walk_goals[2 * m], f.walk_goals[2 * m + 1]), 1.2, theme.line);
      const [gx, gy] = at(f.walk_goal[2 * ui.n], f.walk_goal[2 * ui.n + 1]);
      g.globalAlpha = 0.25;
      pen.dot(gx, gy, f.walk_radius * unit, OKABE_ITO[1]);
      g.globalAlpha = 1;
      Object.assign(g, { strokeStyle: theme.soft, lineWidth: 1 });
      g.beginPath();
      g.arc(gx, gy, f.walk_radius * unit, 0, 7);
      g.stroke();
      const episodes = row(f.trial_episode, ui.n);
      const T = f.walk.shape[1];
      let here = at(0, 0);
      for (let t = 0; t < f.trial_length[ui.n]; t++) {
        if (t > 0 && episodes[t] !== episodes[t - 1]) here = at(0, 0);
        const next = at(f.walk[2 * (ui.n * T + t)], f.walk[2 * (ui.n * T + t) + 1]);
        g.globalAlpha = t < ui.t ? (episodes[t] === episodeAt(f, ui) ? 1 : 0.55) : 0.15;
        pen.line([here, next], OKABE_ITO[episodes[t] % 8], 1.6);
        here = next;
        if (t === ui.t - 1) pen.dot(...here, 4, OKABE_ITO[episodes[t] % 8]);
      }
      g.globalAlpha = 1;
      pen.text("+", ...at(0, 0), { color: theme.ink, align: "center" });
    },
  },
  {
    key: "actions",
    shown: (f) => f.action_share,
    legend: (f) => f.actions.slice(0, 8).map((name, i) => ["square", OKABE_ITO[i], [name, name]]),
    value: () => "",
    words: (f) => {
      const [T, A] = f.action_share.shape;
      const last = f.action_share.subarray((T - 1) * A);
      return joined(WORDS.actions, ": ", f.actions.map((name, a) => `${name} ${decimals(100 * last[a], 0)} %`).join(", "));
    },
    draw(pen, f, ui) {
      const [T, A] = f.action_share.shape;
      const s = pen.axes([0, T], [0, 1], { left: 38, xLabel: say("time"), yFormat: (v) => `${Math.round(v * 100)}%` });
      for (let t = 0; t < T; t++) {
        let from = 0;
        for (let a = 0; a < A; a++) {
          const share = f.action_share[t * A + a];
          pen.g.fillStyle = OKABE_ITO[a % 8];
          pen.g.fillRect(s.sx(t) + 0.5, s.sy(from + share), Math.max(1, s.sx(1) - s.sx(0) - 1), s.sy(from) - s.sy(from + share));
          from += share;
        }
      }
      pen.g.strokeStyle = pen.theme.ink;
      pen.g.strokeRect(s.sx(ui.t), s.y1, s.sx(1) - s.sx(0), s.y0 - s.y1);
    },
  },
  {
    key: "heat",
    shown: (f) => f.hidden && !toldWhole(f),
    legend: (f) => [["square", "explore", "negative"], ["square", "execute", "positive"], ...(f.instructed ? [["dash", "execute", "begins"]] : [])],
    value: (f, ui) => `${f.hidden.shape[2]} × ${f.trial_length[ui.n]}`,
    words: (f, ui) => joined(WORDS.heat, `: ${f.hidden.shape[2]} `, WORDS.units, `, ${f.trial_length[ui.n]} `, WORDS.steps, ", ", WORDS.trial, ` ${ui.n + 1}`),
    pick: (f, ui, x, y, w) => ({ t: Math.floor(((x - 32) / (w - 40)) * f.hidden.shape[1]) }),
    draw(pen, f, ui) {
      const { theme } = pen;
      const [, T, H] = f.hidden.shape;
      const s = pen.axes([0, T], [0, H], { xLabel: say("time"), yFormat: (v) => v, yTicks: 3 });
      const image = pen.g.createImageData(T, H);
      const length = f.trial_length[ui.n];
      const table = heatTable(theme);
      for (let t = 0; t < length; t++) {
        for (let h = 0; h < H; h++) {
          const color = table[f.hidden[(ui.n * T + t) * H + h] + 127];
          image.data.set(color, ((H - 1 - h) * T + t) * 4);
        }
      }
      const small = Object.assign(document.createElement("canvas"), { width: T, height: H });
      small.getContext("2d").putImageData(image, 0, 0);
      pen.g.imageSmoothingEnabled = false;
      pen.g.drawImage(small, s.x0, s.y1, s.x1 - s.x0, s.y0 - s.y1);
      timeMarks(pen, { ...s, sx: (v) => s.sx(v + (v === ui.t ? 0.5 : 0)) }, ui, f, f.trial_start[ui.n]);
    },
  },
  {
    key: "points",
    shown: (f) => f.points && !toldWhole(f),
    legend: (f) => [["points", "explore", f.problems ? "byProblem" : "byAction"], ["ring", "ink", "chosen"]],
    value: (f) => `${Math.round(100 * f.variance)} %`,
    words: (f, ui) => joined(WORDS.points, ": ", WORDS.variance, ` ${Math.round(100 * f.variance)} %, t = ${ui.t}, ${f.points.shape[0]} `, WORDS.trial),
    pick(f, ui, x, y, w, h) {
      const at = place(f, w, h);
      let [nearest, distance] = [0, Infinity];
      for (let p = 0; p < f.points.shape[0]; p++) {
        const [px, py] = at(p, ui.t);
        const d = (px - x) ** 2 + (py - y) ** 2;
        if (d < distance) [nearest, distance] = [p, d];
      }
      const n = f.problems ? f.trial_problem.indexOf(f.points_problem[nearest]) : nearest;
      return n >= 0 && n < f.trial_problem.length ? { n } : {};
    },
    draw(pen, f, ui) {
      const { theme } = pen;
      const at = place(f, pen.w, pen.h);
      const [P, T] = f.points.shape;
      pen.line([[pen.w / 2, 4], [pen.w / 2, pen.h - 4]], theme.line, 1);
      pen.line([[4, pen.h / 2], [pen.w - 4, pen.h / 2]], theme.line, 1);
      // The way of the chosen trial up to now, then all trials at this step.
      const mine = ui.n; // both lists are dealt in the same order
      const way = [];
      for (let t = 0; t <= Math.min(ui.t, f.trial_length[ui.n] - 1); t++) way.push(at(mine, t));
      pen.g.globalAlpha = 0.45;
      pen.line(way, theme.ink, 1);
      for (let p = 0; p < P; p++) {
        const going = f.points_going[p * T + ui.t];
        pen.g.globalAlpha = going ? 0.9 : 0.15;
        glyph(pen, ...at(p, ui.t), 4, f.problems ? f.points_problem[p] : f.points_action[p * T + ui.t]);
      }
      pen.g.globalAlpha = 1;
      const [x, y] = at(mine, ui.t);
      Object.assign(pen.g, { strokeStyle: theme.ink, lineWidth: 1.5 });
      pen.g.beginPath();
      pen.g.arc(x, y, 8, 0, 7);
      pen.g.stroke();
      pen.text(`t = ${ui.t}`, pen.w - 4, 8, { align: "right", halo: true });
    },
  },
  {
    key: "probe",
    shown: (f) => f.probe && !toldWhole(f),
    legend: (f) => [["line", "explore", "probeLine"], ...(f.probe_best ? [["line", "ink", "best"]] : []), ["dash", "soft", "chance"], ...(f.instructed ? [["square", "execute", "begins"]] : [])],
    value: (f, ui) => (Number.isFinite(f.probe[ui.t]) ? `${Math.round(100 * f.probe[ui.t])} %` : "–"),
    words: (f, ui) =>
      joined(`t = ${ui.t}: `, WORDS.probeLine, ` ${decimals(100 * f.probe[ui.t], 0)} %, `, WORDS.best, ` ${decimals(100 * (f.probe_best?.[ui.t] ?? NaN), 0)} %, `,
        WORDS.chance, ` ${decimals(100 * f.probe_chance, 0)} %`),
    pick: (f, ui, x, y, w) => ({ t: Math.round(((x - 38) / (w - 46)) * (f.probe.length - 1)) }),
    draw(pen, f, ui) {
      const { theme } = pen;
      const T = f.probe.length;
      const s = pen.axes([0, T - 1], [0, 1], { left: 38, xLabel: say("time"), yFormat: (v) => `${Math.round(v * 100)}%`, yTicks: 4 });
      const curve = (values) => [...values].map((v, t) => [s.sx(t), s.sy(v)]);
      const [from, middle, to] = f.boundary;
      if (f.instructed && from < T) {
        pen.g.globalAlpha = 0.12;
        pen.g.fillStyle = theme.execute;
        const right = Math.min(to, T - 1);
        pen.g.fillRect(s.sx(from) - 1, s.y1, Math.max(2, s.sx(right) - s.sx(from) + 2), s.y0 - s.y1);
        pen.g.globalAlpha = 1;
      }
      pen.line([[s.x0, s.sy(f.probe_chance)], [s.x1, s.sy(f.probe_chance)]], theme.soft, 1, [2, 4]);
      if (f.probe_best) pen.line(curve(f.probe_best), theme.ink, 1.5);
      pen.line(curve(f.probe), theme.explore, 2);
      timeMarks(pen, s, ui, f, middle);
      pen.dot(s.sx(ui.t), s.sy(f.probe[ui.t]), 3.5, theme.explore);
    },
  },
];

// Both beliefs at the cursor, and their total variation distance.
function beliefsOf(f, ui) {
  const [, T, M] = f.belief_exact.shape;
  const from = (ui.n * T + Math.min(ui.t, f.trial_length[ui.n] - 1)) * M;
  const [exact, learned] = [f.belief_exact, f.belief_learned].map((all) => Array.from(all.subarray(from, from + M), (v) => v / 127));
  return { exact, learned, apart: exact.reduce((sum, p, m) => sum + Math.abs(p - learned[m]) / 2, 0) };
}
// Episodes of the chosen trial: the one at the cursor, a colour each, and whether the robot was at its goal by then.
const episodeAt = (f, ui) => row(f.trial_episode, ui.n)[Math.min(ui.t, f.trial_length[ui.n] - 1)];
const episodesOf = (f) => [...new Set(f.trial_episode)].slice(0, 8).map((k) => ["square", OKABE_ITO[k % 8], [`${k + 1}`, `${k + 1}`]]);
const toldWhole = (f) => f.latent_mean && f.latent_mean.shape[2] === f.hidden.shape[2]; // nothing else to see of h
function latentOf(f, n, k) {
  const [, K, D] = f.latent_mean.shape;
  return Array.from({ length: D }, (_, d) => [f.latent_mean[(n * K + k) * D + d], f.latent_spread[(n * K + k) * D + d]]);
}
function foundBy(f, ui) {
  const [gx, gy, T] = [f.walk_goal[2 * ui.n], f.walk_goal[2 * ui.n + 1], f.walk.shape[1]];
  for (let t = 0; t < ui.t; t++) {
    if (Math.hypot(f.walk[2 * (ui.n * T + t)] - gx, f.walk[2 * (ui.n * T + t) + 1] - gy) <= f.walk_radius + 1e-6) return true;
  }
  return false;
}

function gaugesOf(f) {
  const gauges = [];
  const most = f.metrics.information_max ?? f.references.information_max;
  if (Number.isFinite(f.metrics.information) && most > 0) {
    gauges.push({ key: "information", color: "explore", value: f.metrics.information, low: 0, high: most, unit: ` ${pick(WORDS.nats)}`.replace(/ nat · nats/, " nats"), past: f.curve_information });
  }
  const { no_exploration_return: low, optimal_return: high } = f.references;
  if (Number.isFinite(f.metrics.execution_given_exploration) && high > low) {
    gauges.push({ key: "executionGauge", color: "execute", value: f.metrics.execution_given_exploration, low, high, unit: "", past: f.curve_execution_given_exploration });
  }
  return gauges;
}

// Points on the screen: one scale for both axes and for all steps, so that distances can be compared.
function place(f, w, h) {
  if (!f.points_radius) {
    const sizes = Float32Array.from(f.points, Math.abs).sort();
    f.points_radius = sizes[Math.floor(sizes.length * 0.995)] || 1;
  }
  const T = f.points.shape[1];
  const scale = (Math.min(w, h) / 2 - 10) / f.points_radius;
  const stretch = Math.min(1.6, Math.max(1, w / h)); // the plane may use a wide panel
  return (p, t) => {
    const i = (p * T + t) * 2;
    return [w / 2 + f.points[i] * scale * stretch, h / 2 - f.points[i + 1] * scale];
  };
}

function heatTable(theme) {
  if (!theme.heat) {
    theme.heat = [];
    for (let v = -127; v <= 127; v++) {
      const color = mix(theme.rgb.card, v < 0 ? theme.rgb.explore : theme.rgb.execute, Math.abs(v) / 127);
      theme.heat.push([...color, 255]);
    }
    theme.heat.push(theme.heat[254]);
  }
  return theme.heat;
}

function drawCity(pen, f, ui) {
  const { g, theme } = pen;
  const { width, height, goals, stops, map, tv } = f.city;
  const size = Math.floor(Math.min((pen.w - 4) / width, (pen.h - 4) / height));
  const left = Math.round((pen.w - size * width) / 2);
  const top = Math.round((pen.h - size * height) / 2);
  const corner = (x, y) => [left + x * size, top + (height - 1 - y) * size];
  const centre = (x, y) => corner(x, y).map((v) => v + size / 2);

  // The square root shows rare cells too; a cell stood in all the time would drown them.
  const most = Math.max(...f.visits, 1e-6);
  for (let state = 0; state < width * height; state++) {
    const [x, y] = corner(state % width, Math.floor(state / width));
    g.fillStyle = `rgb(${mix(theme.rgb.card, theme.rgb.explore, 0.75 * Math.sqrt(f.visits[state] / most))})`;
    g.fillRect(x, y, size, size);
  }
  for (let i = 0; i <= width; i++) pen.line([[left + i * size, top], [left + i * size, top + height * size]], theme.line, 1);
  for (let i = 0; i <= height; i++) pen.line([[left, top + i * size], [left + width * size, top + i * size]], theme.line, 1);

  const chosen = goalOf(f, ui.n);
  goals.forEach(([x, y], i) => flag(pen, ...centre(x, y), size * 0.34, i + 1 === chosen ? theme.execute : theme.ink));
  for (const [x, y] of stops) {
    if (!goals.some(([a, b]) => a === x && b === y)) bus(pen, ...centre(x, y), size * 0.3, theme.ink);
    else bus(pen, centre(x, y)[0] - size * 0.22, centre(x, y)[1] + size * 0.22, size * 0.2, theme.ink);
  }
  if (map) folded(pen, ...centre(...map), size * 0.3, theme.ink);
  if (tv) television(pen, ...centre(...tv), size * 0.3, theme.ink);

  // The path of the chosen trial: what lies after the cursor is faint. Both episodes keep to their side.
  const [state, arrived, valid] = ["trial_state", "trial_arrived", "trial_valid"].map((key) => row(f[key], ui.n));
  const at = (s, side) => centre(s % width, Math.floor(s / width)).map((v) => v + side * size * 0.1);
  let here = at(state[0], -1);
  for (let t = 0; t < f.trial_length[ui.n]; t++) {
    if (!valid[t]) continue;
    const executing = phase(f, ui.n, t) === "execution";
    const side = executing ? 1 : -1;
    const color = executing ? theme.execute : theme.explore;
    const [a, b] = [at(state[t], side), at(arrived[t], side)];
    g.globalAlpha = t < ui.t ? 1 : 0.3;
    const far = Math.abs(a[0] - b[0]) + Math.abs(a[1] - b[1]) > size * 1.5;
    pen.line([a, b], theme.card, 4, far ? [4, 5] : []);
    pen.line([a, b], color, 2, far ? [4, 5] : []);
    if (t <= ui.t) here = t < ui.t ? b : a;
  }
  g.globalAlpha = 1;
  const color = phase(f, ui.n, Math.min(ui.t, f.trial_length[ui.n] - 1)) === "execution" ? theme.execute : theme.explore;
  pen.dot(...here, size * 0.24 + 1.5, theme.card);
  pen.dot(...here, size * 0.24, color);
}

function flag({ g }, x, y, r, color) {
  Object.assign(g, { strokeStyle: color, fillStyle: color, lineWidth: 1.5 });
  g.beginPath();
  g.moveTo(x - r * 0.6, y + r);
  g.lineTo(x - r * 0.6, y - r);
  g.stroke();
  g.beginPath();
  g.moveTo(x - r * 0.6, y - r);
  g.lineTo(x + r * 0.8, y - r * 0.45);
  g.lineTo(x - r * 0.6, y + r * 0.1);
  g.fill();
}
function bus({ g, theme }, x, y, r, color) {
  Object.assign(g, { strokeStyle: color, fillStyle: theme.card, lineWidth: 1.2 });
  g.beginPath();
  g.roundRect(x - r, y - r * 0.75, r * 2, r * 1.3, r * 0.3);
  g.fill();
  g.stroke();
  g.fillStyle = color;
  g.beginPath();
  g.arc(x - r * 0.5, y + r * 0.65, r * 0.26, 0, 7);
  g.arc(x + r * 0.5, y + r * 0.65, r * 0.26, 0, 7);
  g.fill();
  g.fillRect(x - r * 0.7, y - r * 0.5, r * 1.4, r * 0.45);
}
function television({ g, theme }, x, y, r, color) {
  Object.assign(g, { strokeStyle: color, fillStyle: theme.card, lineWidth: 1.2 });
  g.beginPath();
  g.moveTo(x - r * 0.6, y - r * 1.2);
  g.lineTo(x, y - r * 0.5);
  g.lineTo(x + r * 0.6, y - r * 1.2);
  g.roundRect(x - r, y - r * 0.5, r * 2, r * 1.4, r * 0.2);
  g.fill();
  g.stroke();
  g.fillStyle = color;
  g.fillRect(x - r * 0.7, y - r * 0.2, r * 0.9, r * 0.8);
}
function folded({ g, theme }, x, y, r, color) {
  Object.assign(g, { strokeStyle: color, fillStyle: theme.card, lineWidth: 1.2 });
  g.beginPath();
  const xs = [-1, -0.33, 0.33, 1].map((k) => x + k * r);
  xs.forEach((px, i) => g.lineTo(px, y - r * 0.8 + (i % 2) * r * 0.35));
  xs.reverse().forEach((px, i) => g.lineTo(px, y + r * 0.8 - ((i + 1) % 2 ? 0 : 1) * r * 0.35 + (i % 2 ? r * 0.35 : 0)));
  g.closePath();
  g.fill();
  g.stroke();
  for (const px of [x - 0.33 * r, x + 0.33 * r]) {
    g.beginPath();
    g.moveTo(px, y - r * 0.55);
    g.lineTo(px, y + r * 0.8);
    g.stroke();
  }
}

const SWATCHES = {
  line: '<path d="M0 5h14" stroke="C" stroke-width="2.5"/>',
  dash: '<path d="M0 5h14" stroke="C" stroke-width="2" stroke-dasharray="3 2.5"/>',
  square: '<rect x="2" y="0" width="10" height="10" fill="C"/>',
  ring: '<circle cx="7" cy="5" r="4.5" fill="none" stroke="C" stroke-width="1.5"/>',
  points: '<circle cx="2" cy="5" r="2.4" fill="#0072b2"/><rect x="5.5" y="2.8" width="4.4" height="4.4" fill="#e69f00"/><path d="M13 2l2.6 5h-5.2z" fill="#009e73"/>',
  bus: '<rect x="1" y="1" width="12" height="7" rx="1.5" fill="none" stroke="C" stroke-width="1.3"/><circle cx="4" cy="9" r="1.4" fill="C"/><circle cx="10" cy="9" r="1.4" fill="C"/>',
  goal: '<path d="M4 10V0l7 3-7 3" fill="C" stroke="C"/>',
  triangle: '<path d="M2 1h10l-5 8z" fill="C"/>',
  tv: '<rect x="1" y="3" width="12" height="6.5" rx="1" fill="none" stroke="C" stroke-width="1.2"/><path d="M4 0l3 3 3-3" fill="none" stroke="C" stroke-width="1.2"/><rect x="2.8" y="4.6" width="5.4" height="3.3" fill="C"/>',
  map: '<path d="M1 1l4 2 4-2 4 2v7l-4-2-4 2-4-2z" fill="none" stroke="C" stroke-width="1.2"/>',
};

// ---- the view ------------------------------------------------------------------------------------------

function render(context) {
  return watch(context, (page) => {
    const ui = { n: 0, t: 0, chosen: false };
    function choose({ n = ui.n, t = ui.t }) {
      const frame = page.shown();
      if (!frame?.trial_problem) return;
      ui.chosen ||= t !== ui.t;
      ui.n = Math.max(0, Math.min(n, frame.trial_problem.length - 1));
      ui.t = Math.max(0, Math.min(t, frame.trial_valid.shape[1] - 1));
      page.redraw();
    }

    const readout = make("span", { class: "clv-readout" });
    const grid = make("div", { class: "clv-grid" });
    const panels = PANELS.map((panel) => {
      const canvas = make("canvas", { role: "img" });
      const value = make("output");
      const legend = make("div", { class: "clv-legend" });
      const box = make("section", { class: "clv-panel", hidden: "", "data-panel": panel.key }, make("header", {}, make("h4", {}, words(panel.key)), value), canvas, legend);
      if (panel.pick) {
        canvas.style.cursor = "crosshair";
        canvas.addEventListener("click", (event) => choose(panel.pick(page.shown(), ui, event.offsetX, event.offsetY, canvas.clientWidth, canvas.clientHeight)));
      }
      grid.append(box);
      return { panel, canvas, value, legend, box };
    });

    function draw(frame, theme) {
      if (frame.trial_problem) {
        // Until the learner chooses: the step at which execution begins, where the two halves meet.
        if (!ui.chosen) ui.t = Math.min(Math.round(frame.boundary[1]), frame.trial_valid.shape[1] - 1);
        ui.n = Math.min(ui.n, frame.trial_problem.length - 1);
      }
      for (const { panel, canvas, value, legend, box } of panels) {
        box.hidden = !panel.shown(frame);
        if (box.hidden) continue;
        value.textContent = panel.value(frame, ui);
        if (canvas.clientWidth < 60) { // not laid out yet, or hidden while Lab changes its theme: nobody calls again then
          page.again();
          continue;
        }
        if (!legend.children.length) drawLegend(legend, panel.legend?.(frame) ?? []);
        panel.draw(new Pen(canvas, theme), frame, ui);
        canvas.setAttribute("aria-label", pick(panel.words(frame, ui)));
      }
      grid.classList.toggle("clv-stacked", Boolean(frame.visits && frame.gain_exact));
      drawReadout(readout, frame);
      drawSliders(frame);
    }
    function drawSliders(frame) {
      if (!frame.trial_problem) {
        for (const key of ["trial", "time"]) page.set(key, null);
        return;
      }
      const goal = goalOf(frame, ui.n);
      const where = goal ? joined(", ", WORDS.goal, ` (${frame.city.goals[goal - 1]})`) : ["", ""];
      const which = frame.problems ? joined(WORDS.problem, ` ${frame.trial_problem[ui.n]}`, where, ", ", WORDS.return, ` ${decimals(frame.trial_return[ui.n])}`) : joined(`${ui.n + 1}, `, WORDS.return, ` ${decimals(frame.trial_return[ui.n], 0)}`);
      page.set("trial", frame.trial_problem.length - 1, ui.n, which);
      page.set("time", frame.trial_valid.shape[1] - 1, ui.t, frame.instructed ? joined(`${ui.t} `, WORDS[phase(frame, ui.n, ui.t)]) : [`${ui.t}`, `${ui.t}`]);
    }

    return {
      css: "clv-live",
      buttons: [],
      facts: [readout],
      body: [grid],
      sliders: { trial: (n) => choose({ n }), time: (t) => choose({ t }) },
      move: (across, down) => choose({ n: ui.n + down, t: ui.t + across }),
      draw,
    };
  });
}

function drawLegend(legend, entries) {
  legend.replaceChildren(
    ...entries.map(([kind, color, key]) => {
      const paint = color.startsWith("#") ? color : `var(--clv-${color})`;
      return make("span", {}, svg(SWATCHES[kind].replaceAll("C", paint), "0 0 14 10"), Array.isArray(key) ? write(make("span"), key) : words(key));
    }),
  );
}

function drawReadout(readout, frame) {
  const number = (text, key) => make("span", {}, make("b", {}, text), " ", words(key));
  readout.replaceChildren(
    number(grouped(frame.update), "updates"),
    number(short(frame.env_steps), "steps"),
    number(decimals(frame.seconds, 1), "seconds"),
    ...(frame.seconds > 0 ? [number(short(frame.env_steps / frame.seconds), "perSecond")] : []),
  );
}

export default { render };
