// An answer of SQL as bars or a line: the first column names, the numbers after it are drawn.
import { base, escaped } from "earshot/charts.js";

export function drawn(answer, kind, paint) {
  const numbers = answer.kinds.map((type, at) => (at > 0 && /^(int|float|numeric)/.test(type) ? at : -1)).filter((at) => at > 0);
  if (!numbers.length) return null;
  const rows = answer.rows.slice(0, kind === "bars" ? 40 : 500), names = rows.map((row) => String(row[0] ?? "none"));
  const ordered = kind === "bars" ? [...rows].reverse() : rows;
  const labels = { type: "category", data: ordered.map((row) => String(row[0] ?? "none")), axisTick: { show: false }, axisLine: { lineStyle: { color: paint.line } }, axisLabel: { color: paint.soft, fontSize: 11, hideOverlap: true, width: 150, overflow: "truncate" } };
  const values = { type: "value", splitLine: { lineStyle: { color: paint.line } }, axisLabel: { color: paint.faint, fontSize: 11 }, name: numbers.length === 1 ? answer.columns[numbers[0]] : "", nameLocation: "end", nameTextStyle: { color: paint.faint } };
  return {
    height: kind === "bars" ? 70 + 24 * rows.length : 320,
    words: `${answer.columns[numbers[0]]} by ${answer.columns[0]}: ${rows.slice(0, 8).map((row, at) => `${names[at]} ${row[numbers[0]] ?? "none"}`).join("; ")}${rows.length > 8 ? "; and more" : ""}.`,
    option: {
      ...base(paint), color: paint.series,
      legend: { show: numbers.length > 1, top: 0, left: 0, textStyle: { color: paint.soft } },
      grid: { left: 12, right: 40, top: numbers.length > 1 ? 44 : 30, bottom: 12, containLabel: true },
      tooltip: { ...base(paint).tooltip, trigger: "axis", axisPointer: { type: kind === "bars" ? "shadow" : "line" }, formatter: (points) => `${escaped(points[0].axisValue)}${points.map((point) => `<br>${point.marker}${escaped(point.seriesName)}: <b>${escaped(point.value ?? "none")}</b>`).join("")}` },
      xAxis: kind === "bars" ? values : labels, yAxis: kind === "bars" ? labels : values,
      series: numbers.map((at) => ({ type: kind === "bars" ? "bar" : "line", name: answer.columns[at], barMaxWidth: 18, showSymbol: rows.length < 40, data: ordered.map((row) => (row[at] === null ? null : Number(row[at]))) })),
    },
  };
}
