// One ticket: what to know, what to do, and who else is at it. What somebody types here stays until they send it.
import { ago, clock, language, nowhere, span, typing, when } from "earshot/format.js";
import Course from "earshot/course.js";
import Fix from "earshot/fix.js";
import Join from "earshot/join.js";
import { moments } from "earshot/moments.js";
import Level, { WITHOUT_WORDS } from "earshot/level.js";
import Mention, { named } from "earshot/mention.js";
import Person from "earshot/person.js";
import Reply from "earshot/reply.js";
import Talk from "earshot/talk.js";
import Why from "earshot/why.js";

export default {
  components: { Course, Fix, Join, Level, Mention, Person, Reply, Talk, Why },
  props: {
    ticket: Object, gone: String, at: Number, others: Array, people: Array, // what there is
    me: String, agent: Boolean, lead: Boolean, erases: Boolean, drafting: Boolean, // who looks, and what they may
    topics: Array, problems: Array, verdict: Object, outcome: Object, away: String, canned: Array, person: Object,
    incidents: Array,
  },
  emits: ["act", "approve", "begin", "macro", "discard", "settle", "draft", "check", "correct", "forget", "link", "join", "open", "close", "next"],
  data: () => ({
    now: Date.now(), skew: 0, chosen: null, // which message corrections are about
    n: 0, heard: 0, busy: false, doing: null, base: null, // the act on its way, and what its doer had seen
    lost: null, news: null, refused: null, done: "", // what came of it, and what others did
    next: localStorage.getItem("earshot-next") === "yes", // whether an act leads on to the next ticket
    drafts: {}, notes: {}, note: "", tag: "", until: "", confirm: "", // what is being typed, by ticket
  }),
  computed: {
    seen() { return this.base ?? { edits: this.ticket.edits, version: this.ticket.version }; },
    mine() { return this.ticket.owner === this.me; },
    over() { return ["resolved", "settled"].includes(this.ticket.state); },
    promise() { return clock(this.ticket, this.now); },
    message() { return this.ticket?.conversation.find((each) => each.id === this.chosen); },
    judged() { return this.ticket?.conversation.filter((each) => !each.own && each.kind !== "deleted") ?? []; },
    times() { return moments(this.now); },
  },
  watch: {
    note(words) { if (this.ticket) this.notes[this.ticket.id] = words; },
    at: { immediate: true, handler(at) { if (at) { this.skew = at - Date.now(); this.now = at; } } },
    ticket: { immediate: true, handler(now, before) {
      if (!now) return;
      if (now.id !== before?.id) {
        Object.assign(this, { note: this.notes[now.id] ?? "", tag: "", base: null, doing: null, busy: false });
        Object.assign(this, { lost: null, news: null, refused: null });
        this.chosen = this.judged.at(-1)?.id ?? null;
        this.$nextTick(() => {
          this.$el?.querySelector?.(".ticket-body")?.scrollTo(0, 0);
          if (nowhere()) this.$el?.querySelector?.("h1")?.focus({ preventScroll: true });
        });
        return;
      }
      const last = now.history[0];
      if (now.version > before.version && last && last.who !== this.me) this.news = last;
    } },
    outcome(told) {
      if (told.n !== this.n || told.n === this.heard) return;
      this.heard = told.n;
      this.busy = false;
      this.base = null;
      this.refused = told.ok || told.lost ? null : told.words;
      this.lost = told.lost ? { ...told.lost, doing: this.doing } : null;
      this.done = told.words;
      const { event, told: sent } = this.doing ?? {};
      if (!told.ok && !told.lost && event === "approve" && sent.text === null) this.$refs.reply?.edit(); // says why, and anyway
      if (told.ok && this.doing?.note) this.note = "";
      if (told.ok && this.doing?.tag) this.tag = "";
      if (told.ok && this.doing?.reply) this.$refs.reply?.done();
      if (told.ok && this.doing?.join) this.$refs.join?.done(this.doing.join);
      if (told.ok && this.next && this.leads(this.doing)) this.$emit("next", this.ticket.id);
    },
  },
  mounted() {
    this.ticking = setInterval(() => { this.now = Date.now() + this.skew; }, 1000);
    addEventListener("keydown", this.key);
  },
  unmounted() {
    clearInterval(this.ticking);
    removeEventListener("keydown", this.key);
  },
  methods: {
    ago, language, span, when,
    send(event, told, doing) {
      if (this.busy || !this.ticket) return;
      this.n += 1;
      this.busy = true;
      this.doing = doing ?? {};
      this.$emit(event, { n: this.n, ticket: this.ticket.id, ...told });
      clearTimeout(this.waiting);
      this.waiting = setTimeout(() => {
        if (this.busy) this.refused = "no answer from earshot; what you typed is kept, try again";
        this.busy = false;
      }, 15_000);
    },
    act(action, doing = {}) { this.send("act", { action, seen: this.seen }, { ...doing, action }); },
    claim() { this.act({ action: "claim", force: !!this.ticket.owner && this.lead }); },
    answer(event, told) { this.send(event, told, { event, told, reply: event === "approve" }); },
    redo() { // whether what was not done can be done all the same; of replies, words that one typed oneself
      const { event, told, action } = this.lost.doing;
      if (!event) return this.lead || action?.action !== "claim";
      const reply = this.ticket.replies.find((each) => each.id === told.reply);
      return event === "approve" && told.text !== null && ["draft", "failed", "discarded"].includes(reply?.state);
    },
    again() {
      if (this.lost.doing.event) {
        const { event, told } = this.lost.doing, reply = this.ticket.replies.find((each) => each.id === told.reply);
        this.lost = null;
        return this.answer(event, { ...told, version: reply?.version });
      }
      const doing = this.lost.doing, force = doing.action.action === "claim" ? { force: true } : {};
      this.lost = this.base = null;
      this.act({ ...doing.action, ...force }, doing);
    },
    leads(doing) { // whether nothing is left to do here
      const action = doing?.action?.action;
      return doing?.reply || ["resolve", "snooze", "wait"].includes(action)
        || (action === "assign" && doing.action.owner !== this.me);
    },
    keepNext(event) {
      this.next = event.target.checked;
      localStorage.setItem("earshot-next", this.next ? "yes" : "no");
    },
    hold() { this.base ??= { edits: this.ticket.edits, version: this.ticket.version }; },
    sheet(name) { this.hold(); this.confirm = ""; this.$refs[name].showModal(); },
    close(name) { this.$refs[name].close(); },
    drop() { if (!this.busy) this.base = null; },
    assign(owner) { this.close("giving"); this.act({ action: "assign", owner }); },
    snooze(at) { this.close("snoozing"); this.act({ action: "snooze", until: new Date(at).toISOString() }); },
    picked(event) { return event.target === event.currentTarget; },
    keep() { if (this.note.trim()) this.act({ action: "note", text: this.note }, { note: true }); },
    mention(name) { this.note = named(this.note, name); this.$nextTick(() => this.$refs.note.focus()); },
    mark() { if (this.tag.trim()) this.act({ action: "tag", add: [this.tag] }, { tag: true }); },
    fix(id) { if (id) this.chosen = id; if (this.message && this.agent) this.$refs.fix.show(); },
    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (!this.ticket || typing(event.target)) return;
      if (document.querySelector("dialog[open]") || !this.agent) return;
      const act = {
        c: () => this.claim(), r: () => (this.over ? this.act({ action: "reopen" }) : this.act({ action: "resolve" })),
        s: () => { if (!this.over) this.sheet("snoozing"); },
        w: () => { if (!this.over) this.act({ action: "wait" }); },
        n: () => this.$refs.note.focus(), x: () => this.fix(),
        e: () => this.$refs.reply.edit(), a: () => this.$refs.reply.approve(), p: () => this.weigh(),
        m: () => this.whole(),
        ...Object.fromEntries([1, 2, 3, 4].map((n) => [n, () => this.rank({ level: `P${n}`, reason: WITHOUT_WORDS })])),
        0: () => this.rank({ level: null, reason: WITHOUT_WORDS }),
      }[event.key];
      if (act) { event.preventDefault(); act(); }
    },
    rank(told) { if (!this.over) this.act({ action: "priority", ...told }); },
    whole() { this.hold(); this.$refs.join.show(); },
    weigh() { if (!this.over) { this.hold(); this.$refs.level.show(); } },
    digits(event) {
      const found = this.times.find(([key]) => key === event.key);
      if (found && !typing(event.target)) { event.preventDefault(); this.snooze(found[2]); }
    },
    changed: (change) => change.changes
      .map((each) => (each.from ? `${each.what}: ${each.from} → ${each.to}` : `${each.what}: ${each.to}`)).join(", "),
  },
  template: `
  <section v-if="ticket" class="ticket" :aria-label="'Ticket ' + ticket.id">
    <header class="ticket-top">
      <div class="ticket-name"><button type="button" class="quiet" aria-label="Back to the queue"
        title="Back to the queue (Esc)" @click="$emit('close')"><span class="sym" aria-hidden="true">arrow_back</span>
        </button>
        <span class="level" :class="ticket.level">{{ ticket.level }}</span><h1 tabindex="-1">{{ ticket.brand ?? 'no brand' }}<span
          class="faint"> · {{ ticket.problem ?? ticket.topic ?? 'no topic' }}</span></h1>
        <span class="clock num" :class="promise.kind"><span class="sym"
          aria-hidden="true">{{ promise.icon }}</span>{{ promise.words }}</span></div>
      <p class="ticket-facts soft"><span>{{ ticket.author ?? 'unknown' }} on {{ ticket.network }}</span><span>
        <b>{{ ticket.state === 'settled' ? 'settled by the customer' : ticket.state }}</b><template
          v-if="ticket.state === 'settled'"> {{ when(ticket.settled) }}</template><template
        v-if="ticket.snoozed_until && ticket.state === 'snoozed'"> until {{ when(ticket.snoozed_until) }}</template>
        </span>
        <span>{{ ticket.owner ? (mine ? 'yours' : ticket.owner + ' has it') : "nobody's" }}</span><span
          v-if="ticket.waiting_since && !ticket.answered">waits since {{ when(ticket.waiting_since) }}</span><span
          class="faint mono">{{ ticket.id }}</span></p>
      <div v-if="agent" class="acts main-acts" role="group" aria-label="Actions">
        <button v-if="!ticket.owner" type="button" class="button main" :disabled="busy"
          @click="claim()">Claim <kbd>c</kbd></button>
        <button v-else-if="!mine && lead" type="button" class="button" :disabled="busy"
          @click="claim()">Take over <kbd>c</kbd></button>
        <button type="button" class="button" :disabled="busy" @click="sheet('giving')">Assign</button>
        <template v-if="!over"><button type="button" class="button" :disabled="busy"
          @click="weigh()">Priority <kbd>p</kbd></button><button type="button" class="button" :disabled="busy"
          @click="act({ action: 'wait' })">Wait <kbd>w</kbd></button><button type="button" class="button"
          :disabled="busy" @click="sheet('snoozing')">Snooze <kbd>s</kbd></button>
        <button type="button" class="button" :class="{ main: mine }" :disabled="busy"
          @click="act({ action: 'resolve' })">Resolve <kbd>r</kbd></button></template>
        <button v-else type="button" class="button" :disabled="busy"
          :title="ticket.state === 'settled' ? 'Not settled: back into the queue with all its weight' : null"
          @click="act({ action: 'reopen' })">Re-open <kbd>r</kbd></button>
        <button type="button" class="button" :disabled="busy" @click="whole()">Merge, add … <kbd>m</kbd></button>
        <label class="onward small soft" title="After a reply, Resolve, Snooze, Wait or Assign"><input type="checkbox"
          :checked="next" @change="keepNext"> then the next</label>
        <button v-if="erases && ticket.author" type="button" class="quiet" aria-label="Erase this person"
          title="Erase this person" @click="sheet('erasing')"><span class="sym" aria-hidden="true">person_remove</span>
          </button>
      </div>
    </header>
    <p class="hidden-words" aria-live="polite">{{ done }}</p>
    <div class="ticket-body"><div class="banners">
      <p v-if="away" class="banner lost" role="alert"><span class="sym" aria-hidden="true">cloud_off</span>
        <span>{{ away }}</span></p>
      <p v-if="others?.length" class="banner eyes" role="status"><span class="sym" aria-hidden="true">visibility</span>
        <span>
        <b>{{ others.join(', ') }}</b> {{ others.length > 1 ? 'have' : 'has' }} this ticket open too. Agree who answers.</span>
        </p>
      <div v-if="lost" class="banner lost" role="alert"><span class="sym" aria-hidden="true">sync_problem</span><div><p>
        <b>{{ lost.who }}</b> changed this {{ lost.kind === 'reply' ? 'reply' : 'ticket' }} before you:
        <b>{{ lost.reason }}</b><template v-if="lost.at">, {{ ago(lost.at, now) }}</template>. Yours was not done;
        what you typed is kept.</p>
        <p v-if="lost.changes.length" class="small">{{ changed(lost) }}</p><div class="acts"><button
          v-if="redo()" type="button" class="button" @click="again()">Do it all the same</button><button type="button"
          class="button" @click="lost = null">Leave it so</button></div></div></div>
      <p v-if="refused" class="banner lost" role="alert"><span class="sym" aria-hidden="true">block</span>
        <span>{{ refused }}</span><button type="button" class="quiet" aria-label="Close" @click="refused = null"><span
        class="sym" aria-hidden="true">close</span></button></p>
      <p v-if="news && !lost" class="banner" role="status"><span class="sym" aria-hidden="true">update</span><span>
        <b>{{ news.who }}</b>: {{ news.reason }}<template v-if="news.at">, {{ ago(news.at, now) }}</template></span>
        <button type="button" class="quiet" aria-label="Close" @click="news = null"><span class="sym"
        aria-hidden="true">close</span></button></p>
      <p v-if="ticket.unread_language" class="banner" role="note"><span class="sym" aria-hidden="true">translate</span>
        <span>In a language that no model reads ({{ language(ticket.unread_language) }}): a person has to judge it.</span></p>
      <p v-else-if="ticket.needs_look" class="banner" role="note"><span class="sym" aria-hidden="true">help</span>
        <span>The model was not sure of this one: read it yourself before you trust the scores.</span></p>
    </div>
    <div class="columns"><div class="half">
      <Talk :ticket="ticket" :agent="agent" :chosen="chosen" @correct="fix" />
      <Reply ref="reply" :ticket="ticket" :agent="agent" :busy="busy" :verdict="verdict" :now="now" :drafting="drafting"
        :drafts="drafts" :canned="canned" @base="hold" @macro="send('macro', { canned: $event })"
        @check="$emit('check', $event)" @approve="answer('approve', $event)"
        @discard="answer('discard', $event)" @settle="answer('settle', $event)" @draft="send('draft', {})"
        @begin="send('begin', $event)" />
    </div><aside class="half" aria-label="About this ticket">
      <Why :ticket="ticket" /><Course :points="ticket.course" />
      <section v-if="ticket.incident" class="panel" aria-labelledby="incident-title"><h2
        id="incident-title">{{ ticket.incident.over ? 'Part of an incident' : 'Part of an incident that goes on' }}</h2>
        <p>{{ ticket.incident.title }}</p><p
          class="small faint num">{{ ticket.incident.tickets }} {{ ticket.incident.tickets === 1 ? 'ticket' : 'tickets' }}, {{ ticket.incident.open }} open, since {{ when(ticket.incident.since) }}</p>
          </section>
      <Person v-if="person?.ticket === ticket.id" :person="person" :agent="agent" :busy="busy"
        @open="$emit('open', $event)" @link="send('link', $event)" />
      <section v-if="ticket.similar.length" class="panel" aria-labelledby="similar-title"><h2
        id="similar-title">Similar</h2><ul class="similar">
        <li v-for="each in ticket.similar" :key="each.id"><a :href="'/tickets/' + encodeURIComponent(each.id)"
          @click.exact.prevent="$emit('open', each.id)"><span class="level" :class="each.level">{{ each.level }}</span>
          <span class="excerpt" dir="auto">{{ each.excerpt }}</span><span
          class="faint small num">{{ Math.round(100 * each.similarity) }} % · {{ each.state }}<template
          v-if="each.owner"> · {{ each.owner }}</template></span></a></li></ul></section>
      <section v-if="agent || ticket.notes.length || ticket.tags.length" class="panel" aria-labelledby="notes-title"><h2
        id="notes-title">Notes and tags</h2>
        <div class="tags" v-if="ticket.tags.length || agent"><span v-for="each in ticket.tags" :key="each"
          class="chip">{{ each }}<button v-if="agent" type="button" class="quiet tiny"
          :aria-label="'Take the tag ' + each + ' away'" @click="act({ action: 'tag', remove: [each] })"><span
          class="sym" aria-hidden="true">close</span></button></span>
          <form v-if="agent" @submit.prevent="mark"><label class="hidden-words" for="tag">A tag</label><input id="tag"
            v-model="tag" class="field small" placeholder="add a tag" maxlength="40" autocomplete="off"></form></div>
        <ul v-if="ticket.notes.length" class="notes"><li v-for="(each, at) in ticket.notes" :key="at"><p
          dir="auto">{{ each.text }}</p><p class="faint small">{{ each.who }}, {{ when(Date.parse(each.at)) }}</p></li>
          </ul>
        <form v-if="agent" class="note" @submit.prevent="keep"><label class="hidden-words"
          for="note">A note for colleagues</label><textarea id="note" ref="note" v-model="note" class="field" rows="2"
          placeholder="A note for colleagues; customers never see it. @ names somebody" maxlength="4000"
          @keydown="$refs.mention?.key($event)" @keydown.ctrl.enter.prevent="keep" @keydown.meta.enter.prevent="keep"></textarea>
          <Mention ref="mention" :people="people" :text="note" @pick="mention" />
          <button class="button" :disabled="busy || !note.trim()">Add the note <kbd>n</kbd></button></form></section>
      <section class="panel" aria-labelledby="history-title"><h2 id="history-title">What happened</h2><ol
        class="history"><li v-for="each in ticket.history" :key="each.at + each.reason"><p>
        <b>{{ each.who }}</b> {{ each.reason }}</p><p v-if="each.changes.length"
        class="small soft">{{ changed(each) }}</p><time class="faint small num">{{ when(each.at) }}</time></li></ol>
        </section>
    </aside></div></div>
    <dialog ref="giving" class="sheet" aria-labelledby="giving-title" @close="drop"
      @click="picked($event) && close('giving')"><div class="sheet-inside"><h2 id="giving-title">Who shall have it?</h2>
      <div class="choices"><button v-for="each in people" :key="each" type="button" class="button"
        :class="{ on: each === ticket.owner }" @click="assign(each)">{{ each === me ? each + ' (you)' : each }}</button>
        <button v-if="ticket.owner" type="button" class="button" @click="assign(null)">Nobody</button></div>
      <div class="acts"><button type="button" class="button" @click="close('giving')">Cancel</button></div></div>
        </dialog>
    <dialog ref="snoozing" class="sheet" aria-labelledby="snoozing-title" @close="drop" @keydown="digits"
      @click="picked($event) && close('snoozing')"><div class="sheet-inside"><h2 id="snoozing-title">Snooze until</h2>
      <div class="choices"><button v-for="[key, name, at] in times" :key="key" type="button" class="button"
        @click="snooze(at)"><kbd>{{ key }}</kbd>{{ name }}</button></div>
      <form class="acts" @submit.prevent="until && snooze(new Date(until).getTime())"><label class="hidden-words"
        for="until">Another moment</label><input id="until" v-model="until" class="field" type="datetime-local"><button
        class="button" :disabled="!until">Until then</button><button type="button" class="button"
        @click="close('snoozing')">Cancel</button></form>
      <p class="faint small">A message of the customer wakes it earlier.</p></div></dialog>
    <dialog v-if="erases" ref="erasing" class="sheet" aria-labelledby="erasing-title" @close="drop"
      @click="picked($event) && close('erasing')"><div class="sheet-inside"><h2
      id="erasing-title">Erase what {{ ticket.author }} wrote?</h2>
      <p>Every message of {{ ticket.author }} on {{ ticket.network }} is removed for every brand,
        with its scores, drafts and dead letters. Tombstones keep it from coming back. This cannot be undone.</p>
      <form class="acts"
        @submit.prevent="confirm === ticket.author && (close('erasing'), send('forget', { author: ticket.author }))">
        <label for="confirm">Type <b>{{ ticket.author }}</b></label><input id="confirm" v-model="confirm" class="field"
        autocomplete="off"><button class="button danger" :disabled="confirm !== ticket.author">Erase</button><button
        type="button" class="button" @click="close('erasing')">Cancel</button></form></div></dialog>
    <Level v-if="agent" ref="level" :ticket="ticket" :busy="busy" @set="rank" @close="drop" />
    <Join v-if="agent" ref="join" :ticket="ticket" :person="person?.ticket === ticket.id ? person : null"
      :incidents="incidents" :busy="busy" @close="drop"
      @join="send('join', { ...$event, seen: seen }, { join: $event.how })" />
    <Fix v-if="agent" ref="fix" :message="message" :topics="topics" :problems="problems"
      @correct="send('correct', $event)" />
  </section>
  <section v-else-if="gone" class="ticket empty"><span class="sym big" aria-hidden="true">search_off</span>
    <p>{{ gone }}</p><button type="button" class="button" @click="$emit('close')">Back to the queue</button></section>
  <section v-else class="ticket empty" aria-busy="true"><p>Reading the ticket …</p></section>`,
};
