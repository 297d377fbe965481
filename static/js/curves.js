// Charts that can be zoomed and walked through by keyboard (uPlot). Without this script the server's still picture and
// the table below it say the same. What is shown closer is asked of the server anew, so no peak is ever left out.
"use strict";
const place = document.querySelector("[data-curves]");
const language = document.documentElement.lang;
const zone = place.dataset.zone;
const moments = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short", timeZone: zone });
const figures = new Intl.NumberFormat(language, { maximumSignificantDigits: 6 });
const LOOKS = 6;
const DASHES = [[], [8, 4], [2, 4], [12, 4, 2, 4], [4, 2], [1, 3]];
const POINTS_MOST = 80;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

async function ask(query) {
  const address = new URL(place.dataset.curves, location.href);
  for (const [name, value] of Object.entries(query)) address.searchParams.set(name, value);
  const answer = await fetch(address, { credentials: "same-origin", redirect: "error" });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

// uPlot wants one line of times for all: each line's own points lie at its places there. Of several values at one time
// one is drawn; the keyboard finds every one.
function aligned(chart) {
  const tables = chart.lines.map((line) => {
    const byTime = new Map(line.points.map((point) => [point[0], point[1]]));
    return [[...byTime.keys()], [...byTime.values()]];
  });
  return tables.length > 1 ? uPlot.join(tables) : tables[0];
}

function walk(chart) {
  return chart.lines
    .flatMap((line) => line.points.map((point) => ({ line: line.name, at: point[0], value: point[1], record: point[2], sign: point[3] })))
    .sort((a, b) => a.at - b.at || a.value - b.value);
}

class Curve {
  constructor(figure, chart, record) {
    this.number = Number(figure.dataset.curve);
    this.figure = figure;
    this.still = figure.querySelector("[data-still]");
    this.told = figure.querySelector("[data-told]");
    this.record = record;
    this.here = -1;
    this.turn = 0;
    this.live = document.createElement("div");
    this.live.className = "curve-live";
    this.live.tabIndex = 0;
    this.live.setAttribute("role", "application");
    this.live.setAttribute("aria-label", `${figure.querySelector("figcaption").innerText} ${place.dataset.hint}`);
    this.still.before(this.live);
    this.still.hidden = true;
    this.take(chart);
    this.whole = this.ends();
    this.plot = new uPlot(this.options(), this.data, this.live);
    this.told.textContent = place.dataset.hint;
    this.tools();
    this.live.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.plot.setSize(this.size())).observe(this.live);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
  }

  take(chart) {
    this.chart = chart;
    this.data = aligned(chart);
    this.points = walk(chart);
    this.here = -1;
  }

  ends() {
    return [this.points[0].at, this.points.at(-1).at];
  }

  size() {
    return { width: Math.max(this.live.clientWidth, 100), height: this.live.clientHeight };
  }

  options() {
    const ink = colour("--soft");
    const axis = { stroke: ink, grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 } };
    return {
      ...this.size(),
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone),
      scales: { x: { time: true }, y: { range: (plot, low, high) => this.room(low, high) } },
      cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 10 } },
      legend: { show: false },
      axes: [{ ...axis, values: (plot, splits) => this.dates(splits) }, { ...axis, size: 62, values: (plot, splits) => splits.map((each) => figures.format(each)) }],
      series: [{}, ...this.chart.lines.map((line, number) => ({
        label: line.name,
        stroke: () => colour(`--look-${number % LOOKS}`),
        dash: DASHES[number % LOOKS],
        width: 2,
        spanGaps: true,
        points: { show: line.points.length <= POINTS_MOST, size: 7 },
      }))],
      hooks: {
        drawClear: [(plot) => this.bands(plot)],
        setSelect: [(plot) => this.select(plot)],
        setCursor: [(plot) => this.follow(plot)],
      },
    };
  }

  room(low, high) {
    const ends = this.chart.limits.flat().filter((each) => each !== null);
    const least = Math.min(low, ...ends);
    const most = Math.max(high, ...ends);
    const margin = (most - least) * 0.06 || Math.abs(most) * 0.06 || 1;
    return [Math.max(least - margin, least >= 0 ? 0 : least - margin), most + margin];
  }

  dates(splits) {
    const [first, last] = [splits[0], splits.at(-1)];
    const days = (last - first) / 86400;
    const form = days > 1500 ? { year: "numeric" } : days > 60 ? { year: "2-digit", month: "short" } : days > 2 ? { month: "short", day: "numeric" } : { hour: "2-digit", minute: "2-digit" };
    const format = new Intl.DateTimeFormat(language, { ...form, timeZone: zone });
    const names = splits.map((each) => format.format(new Date(each * 1000)));
    return names.map((name, number) => (name === names[number - 1] ? "" : name));
  }

  bands(plot) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.fillStyle = colour("--band");
    for (const [low, high] of this.chart.limits) {
      const top = high === null ? bbox.top : Math.max(plot.valToPos(high, "y", true), bbox.top);
      const bottom = low === null ? bbox.top + bbox.height : Math.min(plot.valToPos(low, "y", true), bbox.top + bbox.height);
      if (bottom > top) ctx.fillRect(bbox.left, top, bbox.width, bottom - top);
    }
    ctx.restore();
  }

  say(point) {
    const value = `${point.sign} ${figures.format(point.value)} ${this.chart.unit}`.trim();
    this.told.textContent = "";
    const link = document.createElement("a");
    link.href = `${this.record}${encodeURIComponent(point.record)}/`;
    link.textContent = moments.format(new Date(point.at * 1000));
    this.told.append(link, `: ${value}${point.line ? `, ${point.line}` : ""}`);
  }

  // The pointer is told of the nearest point, as the keyboard is of its own.
  follow(plot) {
    if (this.moving || plot.cursor.left === null || plot.cursor.left < 0) return;
    const at = plot.posToVal(plot.cursor.left, "x");
    const value = plot.posToVal(plot.cursor.top, "y");
    const [x, y] = [plot.scales.x.max - plot.scales.x.min, plot.scales.y.max - plot.scales.y.min];
    const far = (each) => Math.hypot((each.at - at) / x, (each.value - value) / y);
    let nearest = -1;
    this.points.forEach((each, number) => {
      if (nearest < 0 || far(each) < far(this.points[nearest])) nearest = number;
    });
    if (nearest >= 0 && nearest !== this.here) {
      this.here = nearest;
      this.say(this.points[nearest]);
    }
  }

  go(number) {
    if (!this.points.length) {
      this.told.textContent = place.dataset.none;
      return;
    }
    this.here = Math.min(Math.max(number, 0), this.points.length - 1);
    const point = this.points[this.here];
    this.moving = true;
    this.plot.setCursor({ left: this.plot.valToPos(point.at, "x"), top: this.plot.valToPos(point.value, "y") });
    this.moving = false;
    this.say(point);
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const last = this.points.length - 1;
    const steps = {
      ArrowRight: () => this.go(this.here + 1),
      ArrowLeft: () => this.go(this.here < 0 ? last : this.here - 1),
      Home: () => this.go(0),
      End: () => this.go(last),
      "+": () => this.zoom(0.5),
      "-": () => this.zoom(2),
      Enter: () => this.here >= 0 && location.assign(`${this.record}${encodeURIComponent(this.points[this.here].record)}/`),
    };
    if (!(event.key in steps)) return;
    event.preventDefault();
    steps[event.key]();
  }

  zoom(factor) {
    const { min, max } = this.plot.scales.x;
    const centre = this.here >= 0 ? this.points[this.here].at : (min + max) / 2;
    const half = Math.max(((max - min) / 2) * factor, 300);
    this.show(Math.max(centre - half, this.whole[0]), Math.min(centre + half, this.whole[1]));
  }

  select(plot) {
    const { left, width } = plot.select;
    if (width < 8) return;
    const ends = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.show(...ends);
  }

  // A later wish overtakes an earlier answer.
  async show(from, to) {
    const turn = ++this.turn;
    const wide = from <= this.whole[0] && to >= this.whole[1];
    const held = this.here >= 0 ? this.points[this.here] : null;
    try {
      const said = await ask(wide ? {} : { from: Math.floor(from), to: Math.ceil(to) + 1 });
      if (turn !== this.turn) return;
      const unit = this.chart.unit;
      this.take(said.charts.find((each) => each.unit === unit) || { ...this.chart, lines: this.chart.lines.map((line) => ({ ...line, points: [] })) });
    } catch {
      this.told.textContent = place.dataset.failed;
      return;
    }
    this.redraw(wide ? this.whole : [from, to]);
    const back = held ? this.points.findIndex((each) => each.at === held.at && each.record === held.record) : -1;
    if (back >= 0) this.go(back);
  }

  redraw(ends = [this.plot.scales.x.min, this.plot.scales.x.max]) {
    this.plot.destroy();
    this.plot = new uPlot(this.options(), this.data, this.live);
    if (ends[1] > ends[0]) this.plot.setScale("x", { min: ends[0], max: ends[1] });
  }

  tools() {
    const row = this.figure.querySelector("[data-tools]");
    for (const [words, act] of [["nearer", () => this.zoom(0.5)], ["further", () => this.zoom(2)], ["whole", () => this.show(...this.whole)]]) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "quiet";
      button.textContent = place.dataset[words];
      button.addEventListener("click", act);
      row.append(button);
    }
  }
}

async function begin() {
  let said;
  try {
    said = await ask({});
  } catch {
    return; // the still picture stays
  }
  for (const figure of place.querySelectorAll("[data-curve]")) {
    const chart = said.charts[Number(figure.dataset.curve)];
    if (chart && chart.lines.some((line) => line.points.length)) new Curve(figure, chart, said.record);
  }
}

begin();
