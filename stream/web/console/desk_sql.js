// The SQL page: a question, its answer as a table, the same as CSV.
export default {
  props: { questions: Array, answer: Object, refused: String, running: Boolean, limits: Object, views: Array, login: String, statement: String },
  emits: ["ask", "csv", "stop"],
  data() { return { typed: this.statement || this.questions[0][1] }; },
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
      <p v-if="refused" class="refused" role="alert"><span class="sym" aria-hidden="true">block</span><span>{{ refused }}</span></p>
    </section>
    <aside class="sql-side">
      <section class="panel"><h2>Five questions</h2><ol class="questions"><li v-for="[words, statement] in questions" :key="words"><button class="quiet" type="button" :disabled="running" @click="put(statement)">{{ words }}</button></li></ol></section>
      <section class="panel"><h2>What there is</h2>
        <details v-for="view in views" :key="view.name"><summary class="mono">{{ view.name }}</summary><p><button v-for="column in view.columns" :key="column" class="chip mono" type="button" @click="put_name(column)">{{ column }}</button></p></details></section>
    </aside>
    <section class="sql-answer" aria-label="The answer" aria-live="polite" :aria-busy="running">
      <div v-if="answer && answer.columns.length" class="panel answer-table" tabindex="0" role="region" aria-label="Rows"><table><caption class="hidden-words">{{ count }}</caption><thead><tr><th v-for="(name, at) in answer.columns" scope="col" :class="{ number: numbers[at] }">{{ name }}</th></tr></thead>
        <tbody><tr v-for="row in answer.rows"><td v-for="(cell, at) in row" :class="{ number: numbers[at], nothing: cell === null }" dir="auto">{{ shown(cell) }}</td></tr></tbody></table></div>
      <p v-if="answer && !answer.rows.length" class="quiet-note">No rows.</p>
    </section>
  </div>
</div>`,
};
