// Dissatisfaction along the conversation, 0 (content) to 100 (furious), as a line that also says its numbers.
import { when } from "earshot/format.js";

const WIDE = 320, HIGH = 92, LEFT = 26, FOOT = 14, TOP = 8;

export default {
  props: { points: Array, title: { type: String, default: "Dissatisfaction" }, spread: Boolean }, // spread: by time
  computed: {
    dots() {
      const last = Math.max(1, this.points.length - 1), room = HIGH - TOP - FOOT;
      const first = this.points[0]?.at, long = this.spread && this.points.at(-1).at - first;
      const place = (each, at) => (long ? (each.at - first) / long : at / last);
      return this.points.map((each, at) => ({
        ...each, x: LEFT + 8 + place(each, at) * (WIDE - LEFT - 24), y: TOP + room * (1 - each.value / 100),
      }));
    },
    sour() { return this.dots.find((dot) => dot.soured); },
    side() { return this.sour.x < WIDE / 3 ? "start" : this.sour.x > (2 * WIDE) / 3 ? "end" : "middle"; },
    line() { return this.dots.map((dot) => `${dot.x},${dot.y}`).join(" "); },
    area() { return `${this.dots[0].x},${HIGH - FOOT} ${this.line} ${this.dots.at(-1).x},${HIGH - FOOT}`; },
    grid: () => [0, 50, 100].map((value) => ({ value, y: TOP + (HIGH - TOP - FOOT) * (1 - value / 100) })),
    turn() {
      const by = this.points.at(-1).value - this.points[0].value;
      return by > 8 ? "rising" : by < -8 ? "falling" : "steady";
    },
    ends() { return this.spread ? [when(this.points[0].at), when(this.points.at(-1).at)] : ["first", "last"]; },
    name() { return `course-${this.title.replaceAll(" ", "-").toLowerCase()}`; },
    spoken() {
      return `${this.title}, ${this.turn}, message by message: ` +
        this.points.map((each) => each.value + (each.soured ? " (loses patience)" : "")).join(", ");
    },
  },
  template: `
  <section v-if="points.length" :class="{ panel: !spread }" :aria-labelledby="name">
    <h2 :id="name">{{ title }} <span class="faint num">{{ points.at(-1).value }} of 100<template
      v-if="points.length > 1">, {{ turn }}</template></span></h2>
    <svg v-if="points.length > 1" class="course" viewBox="0 0 ${WIDE} ${HIGH}" role="img" :aria-label="spoken">
      <g v-for="each in grid" :key="each.value"><line x1="${LEFT}" x2="${WIDE}" :y1="each.y" :y2="each.y" class="grid"
        /><text x="${LEFT - 6}" :y="each.y + 3" text-anchor="end">{{ each.value }}</text></g>
      <polygon :points="area" class="area" /><polyline :points="line" class="path" />
      <circle v-for="(dot, at) in dots" :key="at" :cx="dot.x" :cy="dot.y" :r="dot.soured ? 4.6 : 3.4"
        :class="{ soured: dot.soured }"><title>{{ dot.value }}{{ dot.soured ? ', loses patience' : '' }}</title>
        </circle>
      <text v-if="sour" class="soured" :x="sour.x" :y="Math.max(${TOP}, sour.y - 7)" :text-anchor="side">loses
        patience</text>
      <text :x="dots[0].x" y="${HIGH - 2}" text-anchor="start">{{ ends[0] }}</text><text :x="dots.at(-1).x" y="${HIGH - 2}"
        text-anchor="end">{{ ends[1] }}</text>
    </svg>
    <span v-else class="bar one" aria-hidden="true"><i :style="{ width: points[0].value + '%' }"></i></span>
  </section>`,
};
