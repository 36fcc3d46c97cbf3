// Replies that wait: what the customer wrote, what was drafted, and one key to let it go.
import { clock, typing } from "earshot/format.js";
import { source } from "earshot/pictures.js";

const SHOWN = [["waiting", "For a person"], ["approved", "On their way"]];
const STATES = { draft: "drafted", failed: "not sent", uncertain: "perhaps sent", approved: "approved", sending: "being sent" };

export default {
  props: { asked: Object, replies: Array, counts: Object, brands: Array, agent: Boolean, me: String, note: String },
  emits: ["choose", "approve", "discard"],
  data: () => ({ shown: SHOWN, states: STATES, now: Date.now(), at: 0, busy: {} }),
  watch: { replies() { this.busy = {}; this.at = Math.max(0, Math.min(this.at, (this.replies?.length ?? 1) - 1)); } },
  mounted() { this.ticking = setInterval(() => { this.now = Date.now(); }, 1000); addEventListener("keydown", this.key); addEventListener("popstate", this.back); },
  beforeUnmount() { clearInterval(this.ticking); removeEventListener("keydown", this.key); removeEventListener("popstate", this.back); },
  methods: {
    source,
    clock(one) { return clock(one, this.now); },
    count(name) { return this.counts?.[name] ?? 0; },
    choose(changes) {
      const asked = { ...this.asked, ...changes }, query = new URLSearchParams();
      if (asked.show !== "waiting") query.set("show", asked.show);
      if (asked.brand) query.set("brand", asked.brand);
      if (asked.mine) query.set("mine", "1");
      history.pushState(null, "", location.pathname + (query.size ? `?${query}` : ""));
      this.at = 0;
      this.$emit("choose", asked);
    },
    back() {
      const query = new URLSearchParams(location.search);
      this.$emit("choose", { show: query.get("show") || "waiting", brand: query.get("brand") || "", mine: !!query.get("mine") });
    },
    open(one) { return ["draft", "failed"].includes(one.state); },
    act(event, one) { // the row stays until the answer: what was refused says why
      if (!this.agent || this.busy[one.id] || (event === "approve" && !this.open(one))) return;
      this.busy = { ...this.busy, [one.id]: true };
      setTimeout(() => { const { [one.id]: _, ...busy } = this.busy; this.busy = busy; }, 4000);
      this.$emit(event, { ticket: one.ticket, reply: one.id, version: one.version });
    },
    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || !this.replies?.length) return;
      const one = this.replies[this.at];
      const move = (by) => {
        this.at = Math.max(0, Math.min(this.replies.length - 1, this.at + by));
        this.$nextTick(() => this.$el.querySelector(".waiting-list > li.on")?.scrollIntoView({ block: "nearest" }));
      };
      const act = { j: () => move(1), k: () => move(-1), a: () => this.act("approve", one), d: () => this.act("discard", one),
        e: () => { location.href = one.href; }, o: () => { location.href = one.href; } }[event.key];
      if (act) { event.preventDefault(); act(); }
    },
  },
  template: `
<div class="page">
  <div class="monitor-top"><h1>Replies</h1>
    <div class="segments" role="group" aria-label="Which replies"><button v-for="[name, words] in shown" :key="name" type="button" :aria-pressed="asked.show === name" @click="choose({ show: name })">{{ words }} <span class="num">{{ count(name) }}</span></button></div>
    <div class="segments" role="group" aria-label="Whose tickets"><button type="button" :aria-pressed="!asked.mine" @click="choose({ mine: false })">Everybody's</button><button type="button" :aria-pressed="asked.mine" @click="choose({ mine: true })">Mine</button></div>
    <label v-if="brands.length > 1"><span class="hidden-words">Brand</span><select class="field" :value="asked.brand" @change="choose({ brand: $event.target.value })"><option value="">All brands</option><option v-for="brand in brands" :key="brand">{{ brand }}</option></select></label>
    <a class="link" href="/canned">Canned answers</a>
    <span v-if="note" class="chip as-of bad" role="status">{{ note }}</span></div>
  <p v-if="replies?.length && agent" class="faint small for-keys"><kbd>j</kbd> <kbd>k</kbd> move, <kbd>a</kbd> approves, <kbd>e</kbd> opens the ticket to change the words, <kbd>d</kbd> discards; <kbd>u</kbd> takes an approval back before it leaves.</p>
  <ol v-if="replies?.length" class="waiting-list">
    <li v-for="(one, n) in replies" :key="one.id" class="panel" :class="{ on: n === at }" :aria-current="n === at ? 'true' : null" @click="at = n">
      <div class="waiting-head"><span class="level" :class="one.level">{{ one.level }}</span><b>{{ one.brand ?? "no brand" }}</b><span v-if="one.topic" class="soft">{{ one.topic }}</span><span class="faint">{{ one.author ?? "unknown" }} on {{ one.network }}</span><span v-if="one.owner" class="chip">{{ one.owner === me ? "yours" : one.owner }}</span><span v-if="one.state !== 'draft'" class="chip">{{ states[one.state] }}</span>
        <span class="clock num" :class="clock(one).kind"><span class="sym" aria-hidden="true">{{ clock(one).icon }}</span>{{ clock(one).words }}</span></div>
      <div class="waiting-pair"><div><h2>They wrote</h2><p class="words" dir="auto">{{ one.message || "nothing that is left" }}</p></div>
        <div><h2>The answer <span class="faint num">{{ one.length }} of {{ one.limit }}</span></h2><p class="words" dir="auto">{{ one.text }}</p>
          <ul v-if="one.pictures.length" class="picture-list"><li v-for="each in one.pictures" :key="each.id"><img :src="source(one.id, each)" :alt="each.alt" :width="each.width" :height="each.height" loading="lazy"><span class="small soft" dir="auto">{{ each.alt }}</span></li></ul>
          <p v-if="one.reason" class="note-bad small">{{ one.reason }}</p>
          <ul v-if="one.refusals.length" class="refusals"><li v-for="(each, no) in one.refusals" :key="no"><span class="sym" aria-hidden="true">block</span><b>{{ each.rule }}</b>: {{ each.why }}</li></ul></div></div>
      <div class="acts"><template v-if="agent"><button v-if="open(one)" type="button" class="button main" :disabled="busy[one.id]" @click.stop="act('approve', one)">{{ one.state === "failed" ? "Try again" : "Approve" }}</button>
        <button v-if="one.state !== 'uncertain' && one.state !== 'sending'" type="button" class="button" :disabled="busy[one.id]" @click.stop="act('discard', one)">{{ one.state === "approved" ? "Do not send it" : "Discard" }}</button></template>
        <a class="button" :href="one.href">{{ agent ? "Change the words" : "The ticket" }}</a></div></li></ol>
  <div v-else-if="replies" class="empty panel"><span class="sym big" aria-hidden="true">mark_chat_read</span><h2>Nothing waits here</h2><p>{{ asked.show === "waiting" ? "Drafts that need a person appear here, the most urgent ticket's first." : "What is approved stays here until a worker has sent it." }}</p></div>
</div>`,
};
