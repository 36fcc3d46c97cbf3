// The answer: what was drafted, editing it under the policy's eye, and its way out.
import Canned, { effects, withoutSlash } from "earshot/canned.js";
import { ago, when } from "earshot/format.js";
import Pictures from "earshot/pictures.js";

const STATES = {
  draft: ["edit_note", "drafted, waits for a person"],
  approved: ["schedule_send", "approved, waits for a worker to send it"],
  sending: ["schedule_send", "being sent"], sent: ["done_all", "sent"], failed: ["error", "not sent"],
  uncertain: ["help", "nobody knows whether it was sent"], discarded: ["delete", "discarded"],
};

export default {
  components: { Canned, Pictures },
  props: {
    ticket: Object, agent: Boolean, busy: Boolean, verdict: Object, now: Number, drafting: Boolean, drafts: Object,
    canned: Array,
  },
  emits: ["check", "approve", "begin", "discard", "settle", "draft", "base", "macro"],
  data: () => ({ editing: false, text: "", seen: null, asked: 0, others: false, picking: false, along: null }),
  computed: {
    current() { return this.ticket.replies.find((each) => each.state !== "discarded") ?? null; },
    older() { return this.ticket.replies.filter((each) => each !== this.current); },
    basis() { // in whose place new words go: also of one that was discarded, if nobody wrote since
      const last = this.ticket.conversation.filter((each) => !each.own).at(-1)?.id, newest = this.ticket.replies[0];
      return this.current ?? (newest?.event_id === last ? newest : null);
    },
    moved() { // somebody changed the reply since these words were begun; a draft that came meanwhile is no change
      if (!this.editing || !this.basis) return false;
      return this.basis.id === this.seen?.id ? this.basis.version !== this.seen.version : !!this.basis.changed_by;
    },
    open() { return !this.current || ["draft", "failed"].includes(this.current.state); },
    told() { return STATES[this.current?.state] ?? ["", ""]; },
    fresh() { return this.verdict && this.verdict.n === this.asked ? this.verdict : null; },
    limit() { return this.current?.limit ?? this.verdict?.limit; },
    first() { return this.current?.candidates.find((each) => each.text === this.current.text); },
    naming() { return this.editing && /^\s*\/[\w-]*$/.test(this.text); }, // a canned answer; nothing to judge so far
    refused() { return this.naming ? [] : this.editing ? (this.fresh?.refusals ?? []) : (this.first?.refusals ?? []); },
    link() { return /^https?:\/\//.test(this.current?.url ?? "") ? this.current.url : null; },
    answerable() { return this.ticket.conversation.filter((each) => !each.own).at(-1)?.kind !== "transcript"; },
    waits() { return this.answerable && !["resolved", "settled"].includes(this.ticket.state) && !this.ticket.answered; },
  },
  watch: { "ticket.id": { immediate: true, handler() { this.others = this.picking = false; this.recall(); } } },
  methods: {
    ago, when, effects,
    edit(text) {
      if (!this.agent || !this.open || (!this.current && !this.waits)) return;
      if (!this.editing || text !== undefined) this.text = text ?? this.current?.text ?? "";
      if (!this.editing) this.look();
      this.editing = true;
      this.$emit("base");
      this.check();
      this.$nextTick(() => this.$refs.words?.focus());
    },
    recall() { // words that were begun here before, and not sent
      const begun = this.drafts[this.ticket.id];
      this.editing = begun !== undefined;
      this.text = begun?.text ?? "";
      this.seen = begun?.seen ?? null;
      this.along = begun?.along ?? null;
      if (this.editing) this.check();
    },
    look() { this.seen = this.basis && { id: this.basis.id, version: this.basis.version }; },
    settle(theirs) { // of two people's words
      if (theirs) this.text = this.basis.text;
      this.look();
      this.typed(this.text);
      this.$refs.words?.focus();
    },
    typed(text) {
      this.text = text;
      this.drafts[this.ticket.id] = { text, seen: this.seen, along: this.along };
      clearTimeout(this.checking);
      this.checking = setTimeout(this.check, 200);
    },
    pick(one) { // the words take the place of the slash; state and tags go along when the answer goes
      const before = this.editing ? withoutSlash(this.text) : "";
      this.picking = false;
      if (!one.text) {
        if (this.editing) this.typed(before);
        return this.$emit("macro", one.id);
      }
      const words = before + one.text;
      if (!this.editing) this.edit(words);
      this.along = effects(one) ? one : null;
      this.typed(words);
      this.$nextTick(() => this.$refs.words?.focus());
    },
    check() {
      this.asked += 1;
      this.$emit("check", { n: this.asked, reply: this.basis?.id ?? null, text: this.text });
    },
    approve(anyway) {
      if (!this.agent || this.busy || !this.open || (!this.current && !this.editing)) return;
      if (this.editing && !this.text.trim()) return;
      this.$emit("approve", {
        reply: this.basis?.id ?? null, version: this.moved ? (this.seen?.version ?? -1) : this.basis?.version,
        text: this.editing ? this.text : null, anyway: !!anyway, canned: (this.editing && this.along?.id) || null,
      });
    },
    begin() { this.$emit("begin", { text: this.text }); },
    pictured(seen) { // one's own picture is no change by somebody else
      if (!this.editing) return;
      this.seen = seen;
      this.typed(this.text);
      this.$nextTick(() => this.$refs.words?.focus()); // where the keys that approve are heard
    },
    done() { this.editing = this.picking = false; this.along = null; delete this.drafts[this.ticket.id]; },
    score: (one) => (one.source === "model" ? one.score.toFixed(2) : one.source === "person" ? "by hand" : ({ past: "sent before", incident: "incident" })[one.source] ?? "template"),
    near(length) { return length > this.limit ? "over" : length > 0.9 * this.limit ? "near" : ""; },
  },
  template: `
  <section class="panel reply" aria-labelledby="reply-title">
    <h2 id="reply-title">Reply <span v-if="current" class="faint state" :class="current.state"><span class="sym"
      aria-hidden="true">{{ told[0] }}</span>{{ told[1] }}
      <template v-if="current.who && current.state !== 'draft'"> · {{ current.who }}</template><template
        v-if="current.sent"> · {{ when(current.sent) }}</template></span></h2>
    <p v-if="current && current.reason && current.state !== 'sent'" class="note-bad"
      role="note">{{ current.reason }}</p>
    <p v-if="editing && !open" class="note-bad"
      role="alert">{{ current.who ?? 'Somebody' }} was first: it is {{ told[1] }}.
      Your words were not sent; they stand here until you close them.</p>
    <div v-else-if="moved" class="banner lost" role="alert"><span class="sym" aria-hidden="true">sync_problem</span><div>
      <p><b>{{ basis.changed_by ?? 'Somebody' }}</b> changed the reply while you wrote. It says by now:</p>
      <p class="words" dir="auto">{{ basis.text }}</p><div class="acts"><button type="button" class="button"
        @click="settle(false)">Keep mine</button><button type="button" class="button"
        @click="settle(true)">Take theirs</button></div></div></div>
    <template v-if="editing">
      <label class="hidden-words" for="reply-words">The words of the reply</label>
      <textarea id="reply-words" ref="words" class="field" rows="4" dir="auto" :value="text"
        :placeholder="canned?.length ? 'Type, or / for a canned answer' : null" aria-controls="canned-list"
        @input="typed($event.target.value)" @keydown="$refs.canned?.key($event)" @keydown.ctrl.enter.prevent="approve()"
        @keydown.meta.enter.prevent="approve()"></textarea>
      <Canned ref="canned" :canned="canned" :text="text" :open="picking" :writes="true" @pick="pick"
        @close="picking = false" />
      <p v-if="along" class="small soft along"><span class="sym" aria-hidden="true">bolt</span>/{{ along.name }}: when it
        goes, {{ effects(along) }} <button type="button" class="quiet tiny" aria-label="Only the words"
        title="Only the words" @click="along = null; typed(text)"><span class="sym"
        aria-hidden="true">close</span></button></p>
      <p class="verdict" aria-live="polite"><template v-if="fresh"><span class="num length"
        :class="near(fresh.length)">{{ fresh.length }} of {{ fresh.limit }}</span>
        <span v-if="fresh.price" class="faint num">\${{ fresh.price.toFixed(3) }} to post</span>
        <span v-if="!fresh.refusals.length && text.trim()" class="fine"><span class="sym"
          aria-hidden="true">verified</span>the policy has nothing against it</span></template><span v-else
          class="faint">checking …</span></p>
    </template>
    <p v-else-if="current" class="words" dir="auto">{{ current.text }}</p>
    <p v-else
      class="faint">{{ !answerable ? 'A call is not answered in writing.' : !waits ? 'Nothing waits for an answer.' : older.length ? 'The draft was discarded.' : 'No reply was drafted.' }}</p>
    <ul v-if="refused.length" class="refusals"><li v-for="(each, at) in refused" :key="at"><span class="sym"
      aria-hidden="true">block</span><b>{{ each.rule }}</b>: {{ each.why }}</li></ul>
    <p v-if="!editing && current && open"
      class="faint small num">{{ first ? first.length + ' of ' + current.limit + ' characters · ' : '' }}{{ current.model }}</p>
    <Pictures :reply="current" :version="editing && seen ? seen.version : current?.version" :agent="agent"
      :open="open" :words="!!current || (editing && !!text.trim())" :reason="current || editing ? ticket.pictureless : null"
      :most="ticket.most_pictures" @begin="begin" @changed="pictured" />
    <p v-if="link" class="small"><a class="link" :href="link" target="_blank"
      rel="noopener noreferrer">where it stands</a></p>
    <Canned v-if="picking && !editing" :canned="canned" text="" :open="true"
      :writes="open && (!!current || waits)" @pick="pick" @close="picking = false" />
    <div v-if="agent" class="acts">
      <button v-if="editing && !open" type="button" class="button" @click="done()">Close my words</button>
      <template v-if="open && current">
        <button type="button" class="button main" :disabled="busy"
          @click="approve()">{{ current.state === 'failed' ? 'Try again' : 'Approve' }} <kbd>{{ editing ? 'Ctrl ↵' : 'a' }}</kbd>
          </button>
        <button v-if="!editing" type="button" class="button" @click="edit()">Edit <kbd>e</kbd></button><button v-else
          type="button" class="button" @click="done()">Back to the draft</button>
        <button type="button" class="button" :disabled="busy" @click="$emit('discard', { reply: current.id, version: current.version })">Discard</button>
        <button v-if="refused.length" type="button" class="button danger" :disabled="busy"
          @click="approve(true)">Approve anyway</button>
      </template>
      <template v-else-if="!current && waits"><template v-if="editing"><button type="button" class="button main"
        :disabled="busy || !text.trim()" @click="approve()">Approve <kbd>Ctrl ↵</kbd></button>
        <button v-if="refused.length" type="button" class="button danger" :disabled="busy"
          @click="approve(true)">Approve anyway</button><button type="button" class="button"
          @click="done()">Cancel</button></template>
        <template v-else><button type="button" class="button" @click="edit('')">Write one <kbd>e</kbd></button><button
          v-if="drafting && !basis" type="button" class="button" :disabled="busy"
          @click="$emit('draft')">Draft one</button></template></template>
      <template v-else-if="current?.state === 'approved'"><button type="button" class="button" :disabled="busy"
        @click="$emit('discard', { reply: current.id, version: current.version })">Do not send it</button></template>
      <template v-else-if="current?.state === 'uncertain'"><span class="soft">Look on the network:</span><button
        type="button" class="button" :disabled="busy"
        @click="$emit('settle', { reply: current.id, version: current.version, sent: true })">It stands there</button>
        <button type="button" class="button" :disabled="busy"
          @click="$emit('settle', { reply: current.id, version: current.version, sent: false })">It does not</button></template>
      <button v-if="canned?.length" type="button" class="button canned-open" :aria-expanded="picking"
        title="Canned answers; in the words, type / and a name" @click="picking = !picking">Canned <kbd>/</kbd></button>
    </div>
    <details v-if="current && current.candidates.length > 1" :open="others" @toggle="others = $event.target.open">
      <summary>{{ current.candidates.length }} candidates</summary>
      <ol class="candidates"><li v-for="(one, at) in current.candidates" :key="at"
        :class="{ refused: one.refusals.length }">
        <span class="num faint" title="mean log probability of a token; higher is likelier">{{ score(one) }}</span>
        <div><p dir="auto">{{ one.text }}</p><p class="faint small"><span v-if="!one.refusals.length" class="fine"><span
          class="sym" aria-hidden="true">check</span>passes</span>
          <template v-for="(each, no) in one.refusals" :key="no"><span class="bad-words"><span class="sym"
            aria-hidden="true">block</span>{{ each.rule }}: {{ each.why }}</span> </template> · {{ one.length }} characters</p>
            </div>
        <button v-if="agent && open" type="button" class="button small" @click="edit(one.text)">Use</button></li></ol>
          </details>
    <details v-if="older.length"><summary>{{ older.length }} earlier</summary><ol class="candidates"><li
      v-for="one in older" :key="one.id"><span class="faint">{{ one.state }}</span><div><p dir="auto">{{ one.text }}</p>
      <p v-if="one.reason" class="faint small">{{ one.reason }}</p></div></li></ol></details>
  </section>`,
};
