// Reports: tiles, two charts, and every figure in a table that can be taken along.
import { echarts } from "nicegui-echart";
import { colours } from "earshot/charts.js";
import { answers, duration, promises } from "earshot/report_charts.js";

const RANGES = [["7d", "7 days"], ["30d", "30 days"], ["90d", "90 days"], ["365d", "1 year"]];
const BYS = [["brand", "brand"], ["agent", "agent"], ["topic", "topic"], ["level", "level"], ["network", "network"], ["week", "week"]];
const DAY = 86_400_000;
const iso = (at) => new Date(at).toISOString().slice(0, 10);

export default {
  props: { asked: Object, brands: Array, report: Object, course: Object, reasons: Object, otherwise: String, refused: String, note: String },
  emits: ["choose", "csv"],
  data: () => ({ ranges: RANGES, bys: BYS, since: "", until: "" }),
  watch: { report() { this.draw(); }, course() { this.draw(); } },
  mounted() {
    this.charts = { answers: echarts.init(this.$refs.answers), promises: echarts.init(this.$refs.promises) };
    this.sizes = new ResizeObserver(() => { Object.values(this.charts).forEach((chart) => chart.resize()); this.draw(); });
    this.sizes.observe(this.$refs.answers); this.sizes.observe(this.$refs.promises);
    this.themes = new MutationObserver(() => this.draw());
    this.themes.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    this.since = this.asked.since; this.until = this.asked.until;
    addEventListener("popstate", this.back);
    this.draw();
  },
  beforeUnmount() { removeEventListener("popstate", this.back); this.sizes.disconnect(); this.themes.disconnect(); Object.values(this.charts).forEach((chart) => chart.dispose()); },
  computed: {
    total() { return this.report?.total; },
    kept() { return this.total?.promised ? this.total.in_time / this.total.promised : null; },
    good() { return this.total?.rated ? this.total.good / this.total.rated : null; },
    stale() { return this.report && !this.total.tickets && this.report.latest ? this.report.latest * 1000 : null; },
    whyNoRating() { return this.asked.by === "network" ? "" : "mails alone ask for one"; },
  },
  methods: {
    duration,
    percent(share) { return share == null ? "–" : `${Math.round(100 * share)} %`; },
    count(number) { return Number(number).toLocaleString("en"); },
    shown(at) { return new Date(at).toLocaleDateString([], { dateStyle: "medium" }); },
    link(one) { // to the tickets behind a row
      const query = { brand: { brand: one.group }, topic: { topic: one.group }, level: { level: one.group }, agent: { owner: one.group }, network: null, week: null }[this.asked.by];
      if (!query || ["no brand", "no topic", "nobody"].includes(one.group)) return null;
      return `/?${new URLSearchParams({ ...query, state: "all" })}`;
    },
    rating(one) {
      if (one.rated) return `${this.percent(one.good / one.rated)} of ${one.rated}`;
      return "–";
    },
    reason(one) {
      if (one.rated) return null;
      if (this.asked.by === "network") return one.group === "imap" ? "nobody has pressed a link so far" : this.reasons[one.group] ?? this.otherwise;
      return "no rating: answers by mail alone carry a link to rate them";
    },
    draw() {
      if (!this.charts) return;
      const paint = colours();
      if (this.course) this.paint("answers", answers(this.course.rows, paint, { width: this.$refs.answers.clientWidth, step: this.course.step }));
      if (this.report) {
        const rows = this.report.rows.filter((one) => one.promised).length;
        this.$refs.promises.style.height = `${44 + 28 * Math.min(12, Math.max(2, rows))}px`;
        this.charts.promises.resize();
        this.paint("promises", promises(this.report.rows, paint, { width: this.$refs.promises.clientWidth, by: this.asked.by }));
      }
    },
    paint(name, { option, words }) { this.charts[name].setOption(option, { notMerge: true }); this.$refs[name].setAttribute("aria-label", words); },
    choose(changes) {
      const asked = { ...this.asked, ...changes };
      if (changes.range) { asked.since = asked.until = ""; this.since = this.until = ""; }
      const query = new URLSearchParams();
      if (asked.since && asked.until) { query.set("since", asked.since); query.set("until", asked.until); } else if (asked.range !== "30d" && asked.range !== "own") query.set("range", asked.range);
      if (asked.by !== "brand") query.set("by", asked.by);
      if (asked.brand) query.set("brand", asked.brand);
      history.pushState(null, "", location.pathname + (query.size ? `?${query}` : ""));
      this.$emit("choose", asked);
    },
    own() { if (this.since && this.until) this.choose({ since: this.since, until: this.until }); },
    toLatest() { this.since = iso(this.stale - 30 * DAY); this.until = iso(this.stale); this.own(); },
    back() { this.$emit("choose", Object.fromEntries(new URLSearchParams(location.search))); },
  },
  template: `
<div class="page reports">
  <div class="monitor-top"><h1>Reports</h1>
    <div class="segments" role="group" aria-label="Range"><button v-for="[name, words] in ranges" :key="name" type="button" :aria-pressed="asked.range === name" @click="choose({ range: name })">{{ words }}</button></div>
    <form class="own-range" @submit.prevent="own"><label>from <input class="field" type="date" v-model="since" required></label><label>to <input class="field" type="date" v-model="until" required></label><button class="button">Show</button></form>
    <label v-if="brands.length > 1 || asked.brand"><span class="hidden-words">Brand</span><select class="field" :value="asked.brand" @change="choose({ brand: $event.target.value })"><option value="">All brands</option><option v-for="brand in brands" :key="brand">{{ brand }}</option></select></label>
    <span v-if="note" class="chip as-of bad" role="status">{{ note }}</span></div>
  <p v-if="stale" class="panel soft">No ticket began in this time; the newest began on {{ shown(stale) }}. <button class="button" type="button" @click="toLatest">Show the 30 days until then</button></p>
  <div class="tiles-row report-tiles">
    <section class="panel tile-figure"><h2>Tickets</h2><p class="figure num">{{ total ? count(total.tickets) : "…" }}</p><p class="faint">{{ total ? count(total.answered) + " answered" : "" }}</p></section>
    <section class="panel tile-figure"><h2>First answer</h2><p class="figure num">{{ total ? duration(total.first_answer_median) : "…" }}</p><p class="faint">half sooner; nine of ten within {{ duration(total?.first_answer_p90) }}</p></section>
    <section class="panel tile-figure"><h2>Resolution</h2><p class="figure num">{{ total ? duration(total.resolution_median) : "…" }}</p><p class="faint">half sooner, of {{ total ? count(total.resolved) : "…" }} resolved; {{ total ? count(total.reopened) : "…" }} reopened</p></section>
    <section class="panel tile-figure"><h2>Promises kept</h2><p class="figure num" :class="{ warm: kept != null && kept < .8 }">{{ percent(kept) }}</p><p class="faint">of {{ total ? count(total.promised) : "…" }} that are decided</p></section>
    <section class="panel tile-figure"><h2>Rated good</h2><p class="figure num">{{ percent(good) }}</p><p class="faint">{{ total?.rated ? "of " + count(total.rated) + " answers" : "no answer was rated: mails alone carry a link for that" }}</p></section>
  </div>
  <div class="report-charts">
    <figure class="panel" aria-labelledby="answers-h"><figcaption><h2 id="answers-h">Time to the first answer</h2><p class="faint">By the {{ course?.step ?? "day" }} in which a ticket began; bars: tickets</p></figcaption><div ref="answers" class="chart report-answers" role="img" aria-label="Time to the first answer"></div></figure>
    <figure class="panel" aria-labelledby="promises-h"><figcaption><h2 id="promises-h">Promises kept by {{ asked.by }}</h2><p class="faint">Answered or resolved in time, in working hours</p></figcaption><div ref="promises" class="chart" role="img" aria-label="Promises kept"></div></figure>
  </div>
  <section class="panel" aria-labelledby="table-h"><div class="setting-head"><h2 id="table-h">Every figure</h2>
    <div class="alert-acts"><div class="segments small" role="group" aria-label="Rows"><button v-for="[name, words] in bys" :key="name" type="button" :aria-pressed="asked.by === name" @click="choose({ by: name })">by {{ words }}</button></div><button class="button" type="button" :disabled="!report" @click="$emit('csv')"><span class="sym" aria-hidden="true">download</span>CSV</button></div></div>
    <div class="scroll-x" tabindex="0" role="region" aria-labelledby="table-h"><table class="figures"><thead><tr><th scope="col">{{ asked.by }}</th><th scope="col">tickets</th><th scope="col">answered</th><th scope="col">first answer, half</th><th scope="col">nine of ten</th><th scope="col">resolved</th><th scope="col">resolution, half</th><th scope="col">reopened</th><th scope="col">promises kept</th><th scope="col">rated good</th></tr></thead>
      <tbody v-if="report"><tr v-for="one in [report.total, ...report.rows]" :key="one.group" :class="{ total: one === report.total }"><th scope="row"><a v-if="one !== report.total && link(one)" :href="link(one)">{{ one.group }}</a><template v-else>{{ one.group }}</template></th><td>{{ count(one.tickets) }}</td><td>{{ count(one.answered) }}</td><td>{{ duration(one.first_answer_median) }}</td><td>{{ duration(one.first_answer_p90) }}</td><td>{{ count(one.resolved) }}</td><td>{{ duration(one.resolution_median) }}</td><td>{{ count(one.reopened) }}</td><td>{{ one.promised ? percent(one.in_time / one.promised) + " of " + count(one.promised) : "–" }}</td><td :title="reason(one)">{{ rating(one) }}<span v-if="reason(one)" class="hidden-words">{{ reason(one) }}</span></td></tr></tbody></table></div>
    <p class="faint">First answers go by the messages' own time; resolving and re-opening by this system's clock. A dash among the ratings says why when it is pointed at.</p></section>
</div>`,
};
