// What the charts of the reports look like: first answers over time, and promises kept by group.
import { base, escaped, percent } from "earshot/charts.js";

export function duration(minutes) {
  if (minutes == null) return "–";
  if (minutes < 1) return "under 1 min";
  if (minutes < 90) return `${Math.round(minutes)} min`;
  if (minutes < 48 * 60) return `${(minutes / 60).toFixed(1)} h`;
  return `${(minutes / 1440).toFixed(1)} d`;
}

const UNITS = [["min", 1, 180], ["h", 60, 72 * 60], ["d", 1440, Infinity]];
const unitOf = (most) => UNITS.find(([, , until]) => most < until);
const day = (name) => new Date(`${name}T00:00:00Z`).toLocaleDateString([], { day: "numeric", month: "short", timeZone: "UTC" });

export function answers(rows, paint, { width, step }) {
  const values = rows.flatMap((one) => [one.first_answer_median, one.first_answer_p90]).filter((value) => value != null);
  const [unit, size] = unitOf(Math.max(0, ...values));
  const scaled = (value) => (value == null ? null : value / size);
  const fit = Math.max(1, Math.ceil(rows.length / Math.max(2, Math.floor(width / 70))));
  const line = (name, field, colour, type) => ({ type: "line", name, z: 3, connectNulls: true, showSymbol: rows.length < 40, symbolSize: 6, lineStyle: { width: 2.5, type, color: colour }, itemStyle: { color: colour }, data: rows.map((one) => scaled(one[field])) });
  const last = [...rows].reverse().find((one) => one.first_answer_median != null);
  return {
    words: last ? `Time to the first answer by ${step}; half of those of ${day(last.group)} within ${duration(last.first_answer_median)}.` : "No answers in this time.",
    option: {
      ...base(paint),
      legend: { top: 0, left: 0, icon: "roundRect", itemWidth: 14, itemHeight: 4, textStyle: { color: paint.soft, fontSize: 12 }, data: ["half within", "nine of ten within"] },
      grid: { left: 52, right: 46, top: 54, bottom: 26 },
      tooltip: { ...base(paint).tooltip, trigger: "axis", axisPointer: { lineStyle: { color: paint.faint } }, formatter: (points) => { const one = rows[points[0].dataIndex]; return `${step === "week" ? "week of " : ""}${day(one.group)}<br>${one.tickets} tickets, ${one.answered} answered<br>half within <b>${duration(one.first_answer_median)}</b><br>nine of ten within <b>${duration(one.first_answer_p90)}</b>`; } },
      xAxis: { type: "category", data: rows.map((one) => day(one.group)), axisLine: { lineStyle: { color: paint.line } }, axisTick: { show: false }, axisLabel: { color: paint.faint, fontSize: 11, interval: (at) => at % fit === 0 } },
      yAxis: [
        { type: "value", min: 0, name: unit, nameTextStyle: { color: paint.faint, align: "right" }, splitLine: { lineStyle: { color: paint.line } }, axisLabel: { color: paint.faint, fontSize: 11 } },
        { type: "value", min: 0, name: "tickets", nameTextStyle: { color: paint.faint, align: "left" }, minInterval: 1, splitLine: { show: false }, axisLabel: { color: paint.faint, fontSize: 11 } },
      ],
      series: [
        { type: "bar", name: "tickets", yAxisIndex: 1, data: rows.map((one) => one.tickets), barCategoryGap: "22%", itemStyle: { color: paint.bars, borderRadius: [2, 2, 0, 0] }, silent: true, z: 1 },
        line("half within", "first_answer_median", paint.series[0], "solid"),
        line("nine of ten within", "first_answer_p90", paint.series[1], "dashed"),
      ],
    },
  };
}

export function promises(rows, paint, { width, by }) {
  const shown = rows.filter((one) => one.promised).slice(0, 12).reverse();
  const left = Math.min(170, Math.round(width * 0.38));
  const worst = shown.reduce((a, b) => (!a || b.in_time / b.promised < a.in_time / a.promised ? b : a), null);
  return {
    words: worst ? `Promises kept by ${by}; least by ${worst.group}: ${percent(worst.in_time / worst.promised)} of ${worst.promised}.` : "No promise is decided in this time.",
    option: {
      ...base(paint),
      grid: { left, right: 74, top: 6, bottom: 26 },
      tooltip: { ...base(paint).tooltip, trigger: "axis", axisPointer: { type: "shadow", shadowStyle: { color: paint.raised } }, formatter: ([point]) => { const one = shown[point.dataIndex]; return `${escaped(one.group)}<br><b>${percent(one.in_time / one.promised)}</b> of ${one.promised} promises kept`; } },
      xAxis: { type: "value", min: 0, max: 1, interval: 0.25, splitLine: { lineStyle: { color: paint.line } }, axisLabel: { color: paint.faint, fontSize: 11, formatter: percent } },
      yAxis: { type: "category", data: shown.map((one) => one.group), axisLine: { show: false }, axisTick: { show: false }, axisLabel: { color: paint.soft, fontSize: 12, width: left - 12, overflow: "truncate" } },
      series: [{ type: "bar", barMaxWidth: 18, data: shown.map((one) => ({ value: one.in_time / one.promised, itemStyle: { color: one.in_time / one.promised < 0.8 ? paint.series[1] : paint.series[2], borderRadius: [0, 3, 3, 0] } })), label: { show: true, position: "right", color: paint.soft, fontSize: 11, formatter: ({ dataIndex }) => `${percent(shown[dataIndex].in_time / shown[dataIndex].promised)} of ${shown[dataIndex].promised}` } }],
    },
  };
}
