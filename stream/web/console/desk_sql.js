// The SQL page: a question, its answer as a table, the same as CSV.
import { echarts } from "nicegui-echart";
import { drawn } from "earshot/answer_chart.js";
import { colours } from "earshot/charts.js";

const CHARTS = [["table", "table"], ["records", "records"], ["bars", "bars"], ["line", "line"]];

export default {
  props: { saved: Array, keeps: Boolean, leads: Boolean, chosen: String, questions: Array, answer: Object, refused: String, running: Boolean, limits: Object, views: Array, login: String, statement: String },
  emits: ["ask", "csv", "stop", "save", "remove"],
  data() { return { typed: this.statement || this.questions[0][1], charts: CHARTS, chart: "table", name: "", sure: "", nothing: false }; },
  watch: {
    answer() { this.$nextTick(() => this.draw()); },
    chart() { this.$nextTick(() => this.draw()); },
  },
  mounted() {
    this.themes = new MutationObserver(() => this.draw());
    this.themes.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    this.sizes = new ResizeObserver(() => this.drawing?.resize());
    const one = this.chosen && this.saved.find((each) => each.name === this.chosen);
    if (one) this.take(one);
  },
  beforeUnmount() { this.themes.disconnect(); this.sizes.disconnect(); this.drawing?.dispose(); },
  computed: {
    numbers() { return (this.answer?.kinds ?? []).map((kind) => /^(int|float|numeric|oid)/.test(kind)); },
    count() {
      if (!this.answer) return "";
      const n = this.answer.rows.length;
      if (this.answer.more) return `the first ${n.toLocaleString("en")} rows; there are more`;
      return n === 1 ? "1 row" : `${n.toLocaleString("en")} rows`;
    },
  },
  methods: {
    draw() {
      const box = this.$refs.drawing, made = box && this.answer?.rows.length ? drawn(this.answer, this.chart, colours()) : null;
      this.nothing = Boolean(box && this.answer && !made);
      if (!made) { this.drawing?.dispose(); this.drawing = null; return; }
      box.style.height = `${made.height}px`;
      if (!this.drawing || this.drawing.isDisposed() || this.drawing.getDom() !== box) { this.drawing?.dispose(); this.drawing = echarts.init(box); this.sizes.observe(box); }
      this.drawing.resize(); this.drawing.setOption(made.option, { notMerge: true }); box.setAttribute("aria-label", made.words);
    },
    take(one) { this.name = one.name; this.chart = one.chart; history.replaceState(null, "", `/sql?${new URLSearchParams({ saved: one.name })}`); this.put(one.statement); },
    mine(one) { return this.keeps && (this.leads || one.by === this.login); },
    remove(one) { if (this.sure !== one.name) { this.sure = one.name; setTimeout(() => { this.sure = ""; }, 4000); return; } this.sure = ""; this.$emit("remove", one.name); },
    ask() { if (!this.running && this.typed.trim()) this.$emit("ask", this.typed); },
    put(statement) { this.typed = statement; this.$refs.box.focus(); this.ask(); },
    put_name(name) {
      const box = this.$refs.box, at = box.selectionStart;
      this.typed = this.typed.slice(0, at) + name + this.typed.slice(box.selectionEnd);
      this.$nextTick(() => { box.focus(); box.setSelectionRange(at + name.length, at + name.length); });
    },
    key(event) { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); this.ask(); } },
    shown(cell) {
      const words = cell === null ? "" : typeof cell === "object" ? JSON.stringify(cell) : String(cell);
      return words.length > 300 ? `${words.slice(0, 300)}…` : words;
    },
  },
  template: `
<div class="page sql">
  <div class="monitor-top"><h1>SQL</h1><p class="faint">Read only, as <span class="mono">{{ login }}</span>: {{ limits.seconds }} s, {{ limits.rows }} rows on the page, {{ limits.exported.toLocaleString("en") }} in a file. Who asked what is noted.</p></div>
  <div class="sql-grid">
    <section class="panel sql-box" aria-label="The statement">
      <label class="hidden-words" for="statement">SQL statement</label>
      <textarea id="statement" ref="box" class="field mono" v-model="typed" rows="9" spellcheck="false" autocapitalize="off" autocomplete="off" @keydown="key"></textarea>
      <div class="alert-acts"><button class="button main" type="button" :disabled="running" @click="ask"><span class="sym" aria-hidden="true">play_arrow</span>{{ running ? "Asking ..." : "Run" }} <kbd>Ctrl ⏎</kbd></button>
        <button class="button" type="button" :disabled="running || !answer" @click="$emit('csv', typed)"><span class="sym" aria-hidden="true">download</span>CSV</button>
        <span v-if="answer" class="faint num">{{ count }}, {{ answer.seconds < 1 ? Math.round(1000 * answer.seconds) + " ms" : answer.seconds.toFixed(1) + " s" }}</span></div>
      <form v-if="keeps" class="save-query" @submit.prevent="$emit('save', { name, statement: typed, chart })"><label>Save as <input class="field" v-model="name" required maxlength="80" autocomplete="off" placeholder="a name for everybody"></label><button class="button"><span class="sym" aria-hidden="true">bookmark_add</span>Save</button></form>
      <p v-if="refused" class="refused" role="alert"><span class="sym" aria-hidden="true">block</span><span>{{ refused }}</span></p>
    </section>
    <aside class="sql-side">
      <section v-if="saved.length" class="panel"><h2>Saved</h2><ul class="questions"><li v-for="one in saved" :key="one.name" class="saved-query"><button class="quiet" type="button" :disabled="running" :title="'saved by ' + one.by" @click="take(one)">{{ one.name }}</button><button v-if="mine(one)" class="quiet" type="button" :aria-label="sure === one.name ? 'Sure? Remove ' + one.name : 'Remove ' + one.name" @click="remove(one)"><span v-if="sure === one.name">Sure?</span><span v-else class="sym" aria-hidden="true">close</span></button></li></ul></section>
      <section class="panel"><h2>Five questions</h2><ol class="questions"><li v-for="[words, statement] in questions" :key="words"><button class="quiet" type="button" :disabled="running" @click="put(statement)">{{ words }}</button></li></ol></section>
      <section class="panel"><h2>What there is</h2>
        <details v-for="view in views" :key="view.name"><summary class="mono">{{ view.name }}</summary><p><button v-for="column in view.columns" :key="column" class="chip mono" type="button" @click="put_name(column)">{{ column }}</button></p></details></section>
    </aside>
    <section class="sql-answer" aria-label="The answer" aria-live="polite" :aria-busy="running">
      <div v-if="answer && answer.columns.length" class="segments small answer-as" role="group" aria-label="Answer as"><button v-for="[value, words] in charts" :key="value" type="button" :aria-pressed="chart === value" @click="chart = value">{{ words }}</button></div>
      <div v-if="answer && (chart === 'bars' || chart === 'line')" class="panel"><div ref="drawing" class="chart" role="img" aria-label="The answer as a chart"></div><p v-if="nothing" class="quiet-note">A chart needs a name in the first column and a number after it.</p></div>
      <ol v-else-if="answer && chart === 'records'" class="records"><li v-for="(row, at) in answer.rows" :key="at" class="panel"><dl><template v-for="(name, place) in answer.columns" :key="place"><dt>{{ name }}</dt><dd dir="auto" :class="{ nothing: row[place] === null }">{{ shown(row[place]) }}</dd></template></dl></li></ol>
      <div v-else-if="answer && answer.columns.length" class="panel answer-table" tabindex="0" role="region" aria-label="Rows"><table><caption class="hidden-words">{{ count }}</caption><thead><tr><th v-for="(name, at) in answer.columns" scope="col" :class="{ number: numbers[at] }">{{ name }}</th></tr></thead>
        <tbody><tr v-for="row in answer.rows"><td v-for="(cell, at) in row" :class="{ number: numbers[at], nothing: cell === null }" dir="auto">{{ shown(cell) }}</td></tr></tbody></table></div>
      <p v-if="answer && !answer.rows.length" class="quiet-note">No rows.</p>
    </section>
  </div>
</div>`,
};
