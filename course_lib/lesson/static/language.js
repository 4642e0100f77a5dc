// The language switch. The choice lives in the page: an attribute on <html>, remembered in the browser,
// told to whoever draws on a canvas by the event "course-lang". Nothing here talks to the kernel.

const KEY = "course-lang";
const EVENT = "course-lang";
const STYLE_ID = "course-lang-style";
const CHOICES = [["ko", "한국어"], ["en", "English"], ["both", "둘 다 both"]];

// Only within notebooks and the course's own widgets: the rest of the page may use lang for itself.
const WHERE = ":is(.jp-Notebook, .jp-LinkedOutputView, .course-widget)";
const CSS = `
html[data-course-lang="ko"] ${WHERE} [lang="en"],
html[data-course-lang="en"] ${WHERE} [lang="ko"] { display: none !important; }

.course-lang { display: inline-flex; margin: 4px 2px; font-family: var(--jp-ui-font-family, sans-serif); }
.course-lang button {
  padding: 4px 14px; min-height: 30px; cursor: pointer;
  font: inherit; font-size: var(--jp-ui-font-size1, 13px);
  color: var(--jp-ui-font-color1, CanvasText); background: var(--jp-layout-color1, Canvas);
  border: 1px solid var(--jp-border-color1, #9e9e9e); border-right-width: 0;
}
.course-lang button:first-child { border-radius: 4px 0 0 4px; }
.course-lang button:last-child { border-radius: 0 4px 4px 0; border-right-width: 1px; }
.course-lang button:hover { background: var(--jp-layout-color2, #eee); }
.course-lang button[aria-pressed="true"] {
  color: var(--jp-layout-color1, #fff); background: var(--jp-ui-font-color1, #333); font-weight: 600;
}
.course-lang button:focus-visible {
  outline: 2px solid var(--jp-brand-color1, #1976d2); outline-offset: 2px; z-index: 1;
}
`;

// A browser may refuse to remember (blocked storage); then the choice lasts as long as the page.
function remembered() {
  try { return localStorage.getItem(KEY); } catch { return null; }
}

function remember(choice) {
  try { localStorage.setItem(KEY, choice); } catch { /* see above */ }
}

function current() {
  return document.documentElement.dataset.courseLang ?? "both";
}

function apply(choice) {
  const page = document.documentElement;
  if (choice === "ko" || choice === "en") page.dataset.courseLang = choice;
  else delete page.dataset.courseLang;
  window.dispatchEvent(new CustomEvent(EVENT, { detail: current() }));
}

function ensureStyle() {
  let style = document.getElementById(STYLE_ID);
  if (!style) {
    style = document.createElement("style");
    style.id = STYLE_ID;
    document.head.append(style);
  }
  if (style.textContent !== CSS) style.textContent = CSS; // a newer course replaces the rule of an older one
}

// A slider of ipywidgets, too, is moved by the arrow keys: Notebook 7 would take them to go to the next cell. The
// mark is looked for from the focused element on upwards (see city.js). Here, because this stands on every lesson's page.
function leaveKeysToWidgets() {
  if (document.courseLeavesKeys) return;
  document.courseLeavesKeys = true;
  document.addEventListener("focusin", ({ target }) => {
    if (target.closest(".jupyter-widgets")) target.setAttribute("data-lm-suppress-shortcuts", "true");
  });
}

function render({ el }) {
  ensureStyle();
  leaveKeysToWidgets();
  const group = document.createElement("div");
  group.className = "course-lang";
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", "언어 · Language");

  // No lang attribute on the buttons: the rule above would hide them.
  const buttons = CHOICES.map(([choice, label]) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.addEventListener("click", () => { remember(choice); apply(choice); });
    group.append(button);
    return [choice, button];
  });
  el.append(group);

  const mark = () => {
    for (const [choice, button] of buttons) button.setAttribute("aria-pressed", String(choice === current()));
  };
  const gone = new AbortController();
  window.addEventListener(EVENT, mark, { signal: gone.signal });
  // Another tab of the same browser chose.
  const follow = (event) => { if (event.key === KEY) apply(event.newValue); };
  window.addEventListener("storage", follow, { signal: gone.signal });

  mark();
  const saved = remembered();
  if (saved !== null && saved !== current()) apply(saved);
  return () => gone.abort();
}

export default { render };
