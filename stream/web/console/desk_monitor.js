// The monitor: charts of the stream, drawn in the page's own colours, each with its numbers as a table.
import { echarts } from "nicegui-echart";
import { span } from "earshot/format.js";
import { colours, heat, rate } from "earshot/charts.js";
import { height, mood } from "earshot/mood.js";
import { heal } from "earshot/kiosk.js";

const SPANS = [["1h", "1 hour"], ["24h", "24 hours"], ["7d", "7 days"], ["30d", "30 days"], ["90d", "90 days"]];
const LOST = 20_000; // milliseconds without a word from the server, after which a wall looks for it
const CHARTS = { rate, mood, heat };
const VERDICTS = { steady: "steady", moved: "has moved", drifted: "has drifted", "too few": "too few messages to tell" };

export default {
  props: { asked: Object, brands: Array, rates: Object, traffic: Object, rising: Array, mixes: Object, behind: Object, alerts: Array, spent: Array, note: String },
  emits: ["choose"],
  data: () => ({ spans: SPANS, tables: {}, now: Date.now(), heard: Date.now(), kiosk: new URLSearchParams(location.search).get("kiosk") === "1" }),
  computed: {
    sum() {
      const all = Object.values(this.traffic?.brands ?? {});
      const add = (name) => all.reduce((total, one) => total + one[name].reduce((a, b) => a + b, 0), 0);
      const messages = add("messages");
      const unhappy = all.reduce((total, one) => total + one.messages.reduce((a, n, at) => a + n * (one.dissatisfaction[at] ?? 0), 0), 0);
      return { messages, negative: messages ? add("negative") / messages : null, dissatisfaction: messages ? unhappy / messages : null };
    },
    perSecond() {
      const last = (this.rates?.values ?? []).slice(-12);
      return last.length ? last.reduce((a, b) => a + b, 0) / last.length : 0;
    },
    asOf() {
      if (!this.traffic || this.traffic.live) return "";
      return new Date(this.traffic.until * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    },
    kioskHref() { return `/monitor?${new URLSearchParams({ ...(this.asked.span !== "24h" && { range: this.asked.span }), ...(this.asked.brand && { brand: this.asked.brand }), kiosk: "1" })}`; },
    leaveHref() { return this.kioskHref.replace(/[?&]kiosk=1/, ""); },
    rows() { return this.asked?.by === "brand" ? "brands" : "topics"; },
    drifts() {
      const told = [];
      if (this.mixes?.sentiment) told.push({ of: "Feeling", against: "what the model was taught", ...this.mixes.sentiment });
      if (this.mixes?.topics) told.push({ of: "Topics", against: "the 7 days before", ...this.mixes.topics });
      return told;
    },
  },
  watch: {
    rates() { this.heard = Date.now(); this.draw("rate"); },
    traffic() { this.draw("mood"); this.draw("heat"); },
    asked() { this.draw("heat"); },
  },
  mounted() {
    this.charts = {};
    for (const name of Object.keys(CHARTS)) this.charts[name] = echarts.init(this.$refs[name], null, { renderer: "canvas" });
    this.sizes = new ResizeObserver(() => { for (const [name, chart] of Object.entries(this.charts)) { chart.resize(); this.draw(name); } });
    for (const name of Object.keys(CHARTS)) this.sizes.observe(this.$refs[name]);
    this.themes = new MutationObserver(() => Object.keys(CHARTS).forEach((name) => this.draw(name)));
    this.themes.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    Object.keys(CHARTS).forEach((name) => this.draw(name));
    this.charts.mood.on("click", ({ seriesName }) => this.tickets({ brand: seriesName }));
    this.charts.heat.on("click", ({ value }) => this.tickets(this.rows === "brands" ? { brand: this.rowNames[value[1]] } : { topic: this.rowNames[value[1]] }));
    if (this.kiosk) { document.documentElement.classList.add("kiosk"); this.healing = heal(() => this.heard, LOST); }
    addEventListener("popstate", this.back);
    this.ticking = setInterval(() => { this.now = Date.now(); }, 1000);
  },
  beforeUnmount() {
    clearInterval(this.ticking);
    this.healing?.();
    removeEventListener("popstate", this.back);
    this.sizes.disconnect();
    this.themes.disconnect();
    Object.values(this.charts).forEach((chart) => chart.dispose());
  },
  methods: {
    span(seconds) { return span(seconds * 1000); },
    draw(name) {
      const given = name === "rate" ? this.rates : this.traffic;
      if (!given || !this.charts?.[name]) return;
      const box = this.$refs[name];
      if (name === "heat") {
        box.style.height = `${56 + 26 * Math.min(14, Math.max(2, Object.keys(given[this.rows]).length))}px`;
        this.charts.heat.resize();
      }
      if (name === "mood") {
        box.style.height = `${height(given)}px`;
        this.charts.mood.resize();
      }
      const { option, words, names } = CHARTS[name](given, colours(), { width: box.clientWidth, rows: this.rows });
      if (name === "heat") this.rowNames = names;
      this.charts[name].setOption(option, { notMerge: true, lazyUpdate: true });
      box.setAttribute("aria-label", words);
    },
    tickets(query) { // the queue's tickets behind a part of a chart
      if (this.kiosk || ["no brand", "no topic"].some((none) => Object.values(query).includes(none))) return;
      if (this.asked.brand && !query.brand) query.brand = this.asked.brand;
      location.assign(`/?${new URLSearchParams({ ...query, state: "all" })}`);
    },
    choose(changes) {
      const asked = { ...this.asked, ...changes };
      const query = new URLSearchParams();
      if (asked.span !== "24h") query.set("range", asked.span);
      if (asked.brand) query.set("brand", asked.brand);
      if (asked.by !== "topic") query.set("by", asked.by);
      if (this.kiosk) query.set("kiosk", "1");
      history.pushState(null, "", location.pathname + (query.size ? `?${query}` : ""));
      this.$emit("choose", asked);
    },
    back() {
      const query = new URLSearchParams(location.search);
      this.$emit("choose", { span: query.get("range") || "24h", brand: query.get("brand") || "", by: query.get("by") || "topic" });
    },
    percent(share, digits = 0) { return share == null ? "–" : `${(100 * share).toFixed(digits)} %`; },
    count(number) { return Number(number).toLocaleString("en"); },
    table(name) { // made when it is opened: nobody reads a hundred rows that are not looked at
      const at = (seconds) => new Date(seconds * 1000).toLocaleString([], { dateStyle: "short", timeStyle: "short" });
      if (name === "rate") {
        const { since, step, values } = this.rates ?? { values: [] };
        const rows = [];
        for (let i = 0; i < values.length; i += 12) {
          const part = values.slice(i, i + 12);
          rows.push([at(since + i * step), (part.reduce((a, b) => a + b, 0) / part.length).toFixed(1)]);
        }
        return { head: ["minute from", "events a second"], rows: rows.reverse() };
      }
      const rows = [], { since, step } = this.traffic ?? {};
      for (const [who, one] of Object.entries(this.traffic?.[name === "mood" ? "brands" : this.rows] ?? {})) {
        one.messages.forEach((n, i) => {
          if (n) rows.push([at(since + i * step), who, n, `${Math.round((100 * one.negative[i]) / n)} %`, Math.round(one.dissatisfaction[i])]);
        });
      }
      return { head: ["from", name === "mood" ? "brand" : this.rows.slice(0, -1), "messages", "negative", "dissatisfaction"], rows: rows.reverse().slice(0, 400) };
    },
    verdict(one) { return VERDICTS[one.verdict]; },
    classes(one, mix) { // the same classes in the same order on both sides; the small ones together
      const order = ["negative", "neutral", "positive"];
      const names = Object.keys({ ...one.now, ...one.then });
      if (names.every((name) => order.includes(name))) return order.map((name) => [name, mix[name] ?? 0]);
      names.sort((a, b) => (one.now[b] ?? 0) - (one.now[a] ?? 0));
      const rest = names.slice(7).reduce((total, name) => total + (mix[name] ?? 0), 0);
      return [...names.slice(0, 7).map((name) => [name, mix[name] ?? 0]), ["all others", rest]];
    },
    shade(name, at) { return { negative: "var(--mood-bad)", neutral: "var(--mood-mid)", positive: "var(--mood-good)", "all others": "var(--mood-mid)" }[name] ?? `var(--c${(at % 8) + 1})`; },
  },
  template: `
<div class="page monitor">
  <div class="monitor-top">
    <h1>Monitor</h1>
    <div class="segments" role="group" aria-label="Range">
      <button v-for="[name, words] in spans" :key="name" type="button" :aria-pressed="asked.span === name" @click="choose({ span: name })">{{ words }}</button>
    </div>
    <label v-if="brands.length > 1 || asked.brand"><span class="hidden-words">Brand</span>
      <select class="field" :value="asked.brand" @change="choose({ brand: $event.target.value })">
        <option value="">All brands</option>
        <option v-for="brand in brands" :key="brand">{{ brand }}</option>
        <option v-if="asked.brand && !brands.includes(asked.brand)">{{ asked.brand }}</option>
      </select></label>
    <a class="button" v-if="!kiosk" :href="kioskHref" title="For a screen on a wall: large, and nothing but the charts"><span class="sym" aria-hidden="true">tv</span>Wall</a>
    <a class="button leave" v-else :href="leaveHref"><span class="sym" aria-hidden="true">close_fullscreen</span>Leave</a>
    <span v-if="asOf" class="chip as-of"><span class="sym" aria-hidden="true">history</span>as of {{ asOf }}: nothing newer was said</span>
    <span v-if="note" class="chip as-of bad" role="status">{{ note }}</span>
  </div>

  <div class="tiles-row">
    <section class="panel beat" aria-labelledby="beat">
      <div><h2 id="beat">Events a second</h2><p class="figure num">{{ perSecond.toFixed(perSecond < 10 ? 1 : 0) }}</p><p class="faint">last minute, as saved</p></div>
      <div ref="rate" class="chart rate" role="img" aria-label="Events a second: no figures yet"></div>
      <details class="as-table" @toggle="tables.rate = $event.target.open"><summary>As a table</summary>
        <div v-if="tables.rate" class="scroll"><table><thead><tr><th v-for="name in table('rate').head" scope="col">{{ name }}</th></tr></thead>
        <tbody><tr v-for="row in table('rate').rows"><td v-for="cell in row">{{ cell }}</td></tr></tbody></table></div></details>
    </section>
    <section class="panel tile-figure"><h2>Messages</h2><p class="figure num">{{ count(sum.messages) }}</p><p class="faint">of customers, in this range</p></section>
    <section class="panel tile-figure"><h2>Negative</h2><p class="figure num" :class="{ warm: sum.negative > .5 }">{{ percent(sum.negative) }}</p><p class="faint">of them</p></section>
    <section class="panel tile-figure"><h2>Dissatisfaction</h2><p class="figure num" :class="{ warm: sum.dissatisfaction > 50 }">{{ sum.dissatisfaction == null ? "–" : Math.round(sum.dissatisfaction) }}</p><p class="faint">mean, 0 to 100</p></section>
    <section class="panel tile-figure"><h2>Behind</h2>
      <p class="figure num">{{ behind?.messages == null ? "–" : count(behind.messages) }}</p>
      <p class="faint">{{ behind?.messages == null ? "Kafka was not asked" : "messages wait" }}<template v-if="behind?.idle_seconds != null">; last saved {{ span(behind.idle_seconds) }} ago</template><template v-if="behind?.said_to_saved_seconds != null">; {{ behind.said_to_saved_seconds < 10 ? behind.said_to_saved_seconds.toFixed(1) + " s" : span(behind.said_to_saved_seconds) }} from said to saved</template></p></section>
  </div>

  <div class="monitor-grid"><div class="stack">
    <figure class="panel" style="--place: 1" aria-labelledby="mood">
      <figcaption><h2 id="mood">How customers feel</h2><p class="faint">Share of negative messages, the unhappiest brand first; bars: its messages</p></figcaption>
      <div ref="mood" class="chart mood" role="img" aria-label="How customers feel: no figures yet"></div>
      <p v-if="traffic && !sum.messages" class="empty-chart">Nobody said anything in this range.</p>
      <details class="as-table" @toggle="tables.mood = $event.target.open"><summary>As a table</summary>
        <div v-if="tables.mood" class="scroll"><table><thead><tr><th v-for="name in table('mood').head" scope="col">{{ name }}</th></tr></thead>
        <tbody><tr v-for="row in table('mood').rows"><td v-for="cell in row">{{ cell }}</td></tr></tbody></table></div></details>
    </figure>

    <figure class="panel" style="--place: 3" aria-labelledby="heat">
      <figcaption class="split"><div><h2 id="heat">Where it hurts</h2><p class="faint">Dissatisfaction by {{ asked.by }} and time; paler: fewer messages</p></div>
        <div class="segments small" role="group" aria-label="Rows"><button v-for="by in ['topic', 'brand']" type="button" :aria-pressed="asked.by === by" @click="choose({ by })">by {{ by }}</button></div></figcaption>
      <div ref="heat" class="chart heat" role="img" aria-label="Where it hurts: no figures yet"></div>
      <details class="as-table" @toggle="tables.heat = $event.target.open"><summary>As a table</summary>
        <div v-if="tables.heat" class="scroll"><table><thead><tr><th v-for="name in table('heat').head" scope="col">{{ name }}</th></tr></thead>
        <tbody><tr v-for="row in table('heat').rows"><td v-for="cell in row">{{ cell }}</td></tr></tbody></table></div></details>
    </figure>

    <section class="panel" style="--place: 5" aria-labelledby="model">
      <h2 id="model">Model and drift</h2>
      <p v-if="mixes" class="soft">In use: <b class="mono">{{ mixes.versions.in_use ?? "none yet" }}</b>
        <template v-if="mixes.versions.messages"> · judged, of the latest {{ count(mixes.versions.messages) }}:
          <span v-for="(share, name) in mixes.versions.shares" class="chip mono">{{ name }} {{ percent(share, share < .01 ? 2 : 0) }}</span></template></p>
      <div class="drifts">
        <div v-for="one in drifts" :key="one.of" class="drift">
          <h3>{{ one.of }} <span class="pill" :data-verdict="one.verdict">{{ verdict(one) }}</span>
            <span v-if="one.index != null" class="faint num" :title="'population stability index; chance alone reaches ' + one.chance + ' in one of twenty'">index {{ one.index.toFixed(2) }}</span></h3>
          <div v-for="[when, mix, n] in [['now', one.now, one.messages], [one.against, one.then, one.messages_then]]" class="class-mix">
            <span class="faint">{{ when }} <span class="num">({{ count(n) }})</span></span>
            <div class="class-bar" role="img" :aria-label="when + ': ' + classes(one, mix).map(([name, share]) => name + ' ' + percent(share)).join(', ')">
              <template v-for="([name, share], at) in classes(one, mix)" :key="name"><span v-if="share" :style="{ flexGrow: share, background: shade(name, at) }" :title="name + ': ' + percent(share, 1)"><i v-if="share > .12">{{ name }}</i></span></template>
            </div></div>
        </div>
      </div>
      <p v-if="mixes && !mixes.sentiment" class="faint">The model in use does not tell what mix of feelings it was taught.</p>
    </section>
  </div><div class="stack">
    <section class="panel" style="--place: 2" aria-labelledby="rising">
      <h2 id="rising">Rising</h2><p class="faint">More than their own past leads one to expect</p>
      <ol v-if="rising?.length" class="rising">
        <li v-for="one in rising" :key="one.topic">
          <a :href="'/?topic=' + encodeURIComponent(one.topic)"><b>{{ one.topic }}</b>
            <span class="soft num">{{ count(one.messages) }} where {{ one.usual }} were usual</span></a>
          <svg class="bars-course" :viewBox="'0 0 ' + 4 * one.course.length + ' 24'" preserveAspectRatio="none" aria-hidden="true">
            <rect v-for="(n, i) in one.course" :x="4 * i" :width="3" :height="Math.max(1, 24 * n / Math.max(...one.course, 1))" :y="24 - Math.max(1, 24 * n / Math.max(...one.course, 1))" :class="{ last: i >= one.course.length - (asked.span === '1h' ? 1 : 24) }" /></svg>
          <span class="times num">{{ one.times }}&times;</span>
        </li>
      </ol>
      <p v-else class="quiet-note"><span class="sym" aria-hidden="true">trending_flat</span>{{ rising ? "Nothing stands out." : "Looking ..." }}</p>
    </section>

    <section class="panel" style="--place: 4" aria-labelledby="open-alerts">
      <h2 id="open-alerts">Alerts <a class="more" href="/alerts">all of them</a></h2>
      <ol v-if="alerts?.length" class="few-alerts">
        <li v-for="one in alerts" :key="one.id"><a :href="one.href"><span class="severity" :data-severity="one.severity">{{ one.severity }}</span>
          <span><b>{{ one.title }}</b><span class="soft">{{ one.words }}</span></span></a></li>
      </ol>
      <p v-else class="quiet-note"><span class="sym" aria-hidden="true">notifications_none</span>{{ alerts ? "Nothing waits for anybody." : "Looking ..." }}</p>
    </section>

    <section v-if="spent?.length" class="panel" style="--place: 6" aria-labelledby="spent">
      <h2 id="spent">Paid to networks today</h2><p class="faint">US dollars, a day of UTC</p>
      <table><thead><tr><th scope="col">network</th><th scope="col">brand</th><th scope="col">paid</th></tr></thead>
        <tbody><tr v-for="one in spent" :key="one.network + one.brand"><td>{{ one.network }}</td><td>{{ one.brand || "–" }}</td><td class="num">{{ one.dollars.toFixed(2) }}</td></tr></tbody></table>
    </section>
  </div></div>
</div>`,
};
