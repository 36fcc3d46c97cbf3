// What the monitor's charts look like: from numbers and the page's colours to ECharts' options, and the same in words.
const DAY = 86_400;

export function colours() {
  const style = getComputedStyle(document.documentElement);
  const get = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    ink: get("ink"), soft: get("soft"), faint: get("faint"), line: get("line"), panel: get("panel"), raised: get("raised"), accent: get("accent"),
    bars: get("chart-bars"), series: [1, 2, 3, 4, 5, 6, 7, 8].map((n) => get(`c${n}`)), heat: [0, 1, 2, 3, 4].map((n) => get(`heat${n}`)),
    font: getComputedStyle(document.body).fontFamily, // a canvas knows no `inherit`
    still: matchMedia("(prefers-reduced-motion: reduce)").matches,
  };
}

export const percent = (share) => `${Math.round(100 * share)} %`;
const two = (n) => String(n).padStart(2, "0");

export function moment(seconds, step) { // on the axis: the time, and where a day begins its name
  const at = new Date(seconds * 1000);
  const day = at.toLocaleDateString([], { weekday: "short", day: "numeric" });
  if (step >= DAY / 8 && at.getHours() < step / 3600) return day;
  if (step >= DAY / 4) return "";
  return `${two(at.getHours())}:${two(at.getMinutes())}`;
}

export const whole = (seconds) => new Date(seconds * 1000).toLocaleString([], { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
export const escaped = (words) => String(words).replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
export const base = (paint) => ({
  animation: !paint.still, animationDurationUpdate: 300, textStyle: { fontFamily: paint.font, color: paint.soft },
  tooltip: { backgroundColor: paint.panel, borderColor: paint.line, textStyle: { color: paint.ink, fontSize: 12 }, confine: true },
});
export const times = (told) => Array.from({ length: told.columns }, (_, at) => told.since + at * told.step);

export function rate({ since, step, values }, paint) {
  const at = values.map((_, i) => (since + i * step) * 1000);
  const last = values.slice(-12), now = last.reduce((a, b) => a + b, 0) / (last.length || 1);
  return {
    words: `Events a second in the last ten minutes: now ${now.toFixed(1)}, at most ${Math.max(0, ...values).toFixed(1)}.`,
    option: {
      ...base(paint),
      grid: { left: 34, right: 6, top: 10, bottom: 20 },
      tooltip: { ...base(paint).tooltip, trigger: "axis", formatter: ([one]) => `${two(new Date(one.value[0]).getHours())}:${two(new Date(one.value[0]).getMinutes())}:${two(new Date(one.value[0]).getSeconds())} · <b>${one.value[1].toFixed(1)}</b> a second` },
      xAxis: { type: "time", axisLine: { lineStyle: { color: paint.line } }, axisTick: { show: false }, splitLine: { show: false }, axisLabel: { color: paint.faint, fontSize: 10, hideOverlap: true, formatter: "{HH}:{mm}" } },
      yAxis: { type: "value", min: 0, minInterval: 1, splitNumber: 2, splitLine: { lineStyle: { color: paint.line } }, axisLabel: { color: paint.faint, fontSize: 10 } },
      series: [{
        type: "line", showSymbol: false, step: false, smooth: 0.25, smoothMonotone: "x", lineStyle: { color: paint.accent, width: 2 },
        areaStyle: { color: { type: "linear", x: 0, y: 0, x2: 0, y2: 1, colorStops: [{ offset: 0, color: `${paint.accent}66` }, { offset: 1, color: `${paint.accent}05` }] } },
        data: at.map((time, i) => [time, values[i]]),
      }],
    },
  };
}

function coarser(told, rows, by) { // several steps as one: a cell has to be seen
  const columns = Math.ceil(told.columns / by);
  const added = (one) => {
    const cells = Array.from({ length: columns }, () => [0, 0]);
    one.messages.forEach((n, at) => { const cell = cells[Math.floor(at / by)]; cell[0] += n; cell[1] += n * one.dissatisfaction[at]; });
    return { messages: cells.map(([n]) => n), dissatisfaction: cells.map(([n, unhappy]) => (n ? unhappy / n : 0)) };
  };
  return { ...told, columns, step: told.step * by, [rows]: Object.fromEntries(Object.entries(told[rows]).map(([name, one]) => [name, added(one)])) };
}

export function heat(given, paint, { width, rows }) {
  const narrow = width < 520, told = coarser(given, rows, narrow ? 4 : 2);
  const steps = times(told);
  const vague = ([name]) => ["other", "no topic", "no brand"].includes(name); // what tells least comes last
  const names = Object.entries(told[rows]).sort((a, b) => vague(a) - vague(b) || sum(b[1].messages) - sum(a[1].messages)).slice(0, 14).reverse();
  const most = Math.max(1, ...names.flatMap(([, one]) => one.messages));
  const cells = names.flatMap(([, one], row) => one.messages.flatMap((n, at) => (n ? [{
    value: [at, row, one.dissatisfaction[at], n], itemStyle: { opacity: 0.5 + 0.5 * Math.min(1, Math.log1p(n) / Math.log1p(most / 4)) },
  }] : [])));
  const worst = cells.reduce((a, b) => (!a || b.value[2] * Math.log1p(b.value[3]) > a.value[2] * Math.log1p(a.value[3]) ? b : a), null);
  return {
    names: names.map(([name]) => name),
    words: worst ? `Dissatisfaction by ${rows.slice(0, -1)} and time; worst: ${names[worst.value[1]][0]}, ${whole(steps[worst.value[0]])}, ${Math.round(worst.value[2])} of 100 in ${worst.value[3]} messages.` : "No messages.",
    option: {
      ...base(paint),
      animation: false,
      grid: { left: narrow ? 92 : 150, right: 8, top: 4, bottom: 46 },
      tooltip: { ...base(paint).tooltip, formatter: ({ value }) => `${escaped(names[value[1]][0])}<br>${whole(steps[value[0]])}<br>dissatisfaction <b>${Math.round(value[2])}</b>, ${value[3]} messages` },
      xAxis: { type: "category", data: steps.map((at) => moment(at, told.step)), axisLine: { show: false }, axisTick: { show: false }, splitArea: { show: false }, axisLabel: { color: paint.faint, fontSize: 11, hideOverlap: true, interval: every(steps, width - 150) } },
      yAxis: { type: "category", data: names.map(([name]) => name), axisLine: { show: false }, axisTick: { show: false }, axisLabel: { color: paint.soft, fontSize: 12, width: narrow ? 84 : 140, overflow: "truncate" } },
      visualMap: { min: 5, max: 65, dimension: 2, calculable: false, orient: "horizontal", right: 8, bottom: 0, itemWidth: 10, itemHeight: 90, text: ["furious", "content"], textStyle: { color: paint.faint, fontSize: 11 }, inRange: { color: paint.heat } },
      series: [{ type: "heatmap", data: cells, itemStyle: { borderColor: paint.panel, borderWidth: 2, borderRadius: 3 }, emphasis: { itemStyle: { borderColor: paint.ink, borderWidth: 1.5 } } }],
    },
  };
}

export const sum = (values) => values.reduce((a, b) => a + b, 0);
export const every = (steps, width) => { // a label for each 64 points of width, at whole steps of the clock
  const size = (steps[1] ?? 0) - steps[0];
  if (size >= DAY / 8) return (at) => new Date(steps[at] * 1000).getHours() < size / 3600; // days alone
  const fit = Math.max(2, Math.floor(width / 64));
  const least = Math.ceil(steps.length / fit);
  const apart = [1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 16, 24, 28].find((n) => n >= least) ?? least;
  const ofDay = (at) => { const day = new Date(at * 1000); return 3600 * day.getHours() + 60 * day.getMinutes(); };
  const phase = steps.findIndex((at) => ofDay(at) < size); // the first step of a day, in any time zone
  return (at) => (at - Math.max(0, phase)) % apart === 0;
};
