// How customers feel, brand by brand: a row each, the unhappiest first, on one axis of time.
import { base, escaped, every, moment, percent, sum, times, whole } from "earshot/charts.js";

const MOST = 8, ROW = 54, ALONE = 210, FEET = 26; // brands; points of a row, of the only row, of the axis below
const FEWEST = 3; // messages in three steps: a share of fewer is noise

const shownOf = (told) => Math.min(MOST, Object.keys(told.brands).length);
const row = (told) => (shownOf(told) < 2 ? ALONE : ROW);
export const height = (told) => Math.max(1, shownOf(told)) * row(told) + FEET;

function share({ messages, negative }) { // over a step and its neighbours, so that a handful of messages is no cliff
  const near = (values, at) => (values[at - 1] ?? 0) + values[at] + (values[at + 1] ?? 0);
  return messages.map((_, at) => (near(messages, at) >= FEWEST ? near(negative, at) / near(messages, at) : null));
}

const overall = (one) => sum(one.negative) / (sum(one.messages) || 1);

function tip(points, brands, steps) {
  const at = points[0].dataIndex;
  const lines = brands.filter(([, one]) => one.messages[at])
    .map(([name, one]) => `<br>${escaped(name)}: <b>${percent(one.negative[at] / one.messages[at])}</b> of ${one.messages[at]}`);
  return `${whole(steps[at])}${lines.join("") || "<br>nothing"}`;
}

export function mood(told, paint, { width }) {
  const steps = times(told), narrow = width < 520, left = narrow ? 92 : 130, right = 62;
  const brands = Object.entries(told.brands).sort(([, a], [, b]) => sum(b.messages) - sum(a.messages)).slice(0, MOST)
    .sort(([, a], [, b]) => overall(b) - overall(a));
  const counts = brands.flatMap(([, one]) => one.messages).sort((a, b) => a - b), size = row(told);
  const most = Math.max(1, counts[Math.floor(0.98 * (counts.length - 1))] ?? 1); // one flood would make all others flat
  const words = brands.map(([name, one]) => `${name} ${percent(overall(one))} negative of ${sum(one.messages)}`);
  const tops = brands.map((_, at) => at * size + 4), last = brands.length - 1;
  const shown = { axisLine: { lineStyle: { color: paint.line } }, axisTick: { show: false } };
  const label = { show: true, color: paint.faint, fontSize: 11, hideOverlap: true, interval: every(steps, width - left - right) };
  return {
    words: `Negative share by brand: ${words.join("; ") || "no messages"}.`,
    names: brands.map(([name]) => name),
    option: {
      ...base(paint),
      title: brands.flatMap(([name, one], at) => [
        { text: name, left: 0, top: tops[at] + 12, textStyle: { color: paint.ink, fontSize: 13, fontWeight: 500, width: left - 10, overflow: "truncate" } },
        { text: percent(overall(one)), left: width - 8, top: tops[at] + 8, textAlign: "right", textStyle: { color: paint.ink, fontSize: 17, fontWeight: 600 } },
      ]),
      grid: brands.map((_, at) => ({ left, right, top: tops[at], height: size - 12 })),
      axisPointer: { link: [{ xAxisIndex: "all" }] },
      tooltip: { ...base(paint).tooltip, trigger: "axis", axisPointer: { lineStyle: { color: paint.faint } }, formatter: (points) => tip(points, brands, steps) },
      xAxis: brands.map((_, at) => ({ type: "category", gridIndex: at, data: steps.map((at) => moment(at, told.step)), ...shown, axisLabel: at === last ? label : { show: false } })),
      yAxis: brands.flatMap((_, at) => [
        { type: "value", gridIndex: at, min: 0, max: 1, interval: 0.5, splitLine: { lineStyle: { color: paint.line, type: [2, 4] } }, axisLabel: { show: false } },
        { type: "value", gridIndex: at, min: 0, max: 1.6 * most, splitLine: { show: false }, axisLabel: { show: false } },
      ]),
      // The higher, the hotter: the eye finds the bad hours of any brand without reading a scale.
      visualMap: brands.map((_, at) => ({ show: false, type: "continuous", seriesIndex: 2 * at + 1, dimension: 1, min: 0.1, max: 0.9, inRange: { color: paint.heat.slice(1, 4) } })),
      series: brands.flatMap(([name, one], at) => [
        { type: "bar", name: "messages", xAxisIndex: at, yAxisIndex: 2 * at + 1, data: one.messages, barCategoryGap: "18%", itemStyle: { color: paint.bars, borderRadius: [2, 2, 0, 0] }, silent: true, z: 1 },
        { type: "line", name, xAxisIndex: at, yAxisIndex: 2 * at, z: 3, data: share(one), showSymbol: false, triggerLineEvent: true, connectNulls: false, smooth: 0.25, smoothMonotone: "x", lineStyle: { width: 2.2 }, areaStyle: { opacity: 0.22 } },
      ]),
    },
  };
}
