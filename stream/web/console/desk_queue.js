// The queue: filters with counts, the list that changes under one's eyes but not under one's pointer, and its keys.
import { markRaw, toRaw } from "vue";
import { clock, language, nowhere, typing } from "earshot/format.js";
import bulk from "earshot/bulk.js";
import views from "earshot/views.js";

const SELECTS = [
  ["brand", "All brands"], ["network", "All networks"], ["topic", "All topics"],
  ["state", "Any state"], ["owner", "Anybody's"],
];
const SORTS = [["", "Most urgent first"], ["newest", "Newest first"], ["received", "Oldest first"], ["updated", "Changed last first"]];
const OUT = ["snoozed", "resolved"]; // states of tickets that are not in the queue
const HELD = 1200; // ms without a move of the pointer before lines change places beneath it
const STRETCH = 50; // lines that are drawn together, when they are near what is in sight
const LINE = 54; // px that a line takes as long as nobody has measured

export default {
  components: { bulk, views },
  props: {
    state: Object, facets: Object, filter: Object, me: String, agent: Boolean, open: String, page: Number, most: Number,
    note: String, mistake: String, views: Array, lead: Boolean,
    people: Array, most_chosen: Number, acted: Object, all: Object, onward: Object,
  },
  emits: ["choose", "open", "resync", "claim", "more", "save-view", "drop-view", "bulk", "choose-all"],
  data: () => ({
    seq: -1, cards: {}, order: [], latest: [], // latest: the order as it was told, placed by now or not
    waiting: null, skew: 0, now: Date.now(), asked: {}, at: null, fresh: {}, told: "",
    picked: {}, last: null, busy: false, heard: 0, // chosen for acts on many, as they were seen; where shift chooses from
    moved: 0, index: null, more: false, growing: false, near: { 0: true }, heights: {}, size: STRETCH, selects: SELECTS, sorts: SORTS,
  }),
  computed: {
    rows() { return this.order.map((id) => this.cards[id]).filter(Boolean); },
    stretches() { // thousands of lines are a few that are drawn, and the room that the others take
      const made = [];
      for (let at = 0; at < this.rows.length; at += STRETCH) made.push(this.rows.slice(at, at + STRETCH));
      return made;
    },
    levels() {
      return ["P1", "P2", "P3", "P4"].map((level) => ({ level, n: this.facets?.level?.[level] ?? 0 }));
    },
    late() { return this.facets?.clock?.late ?? 0; },
    unread() { return this.facets?.lane?.unread ?? 0; }, // in a language that no model reads
    left() { return Math.max(0, (this.facets?.all?.found ?? 0) - this.rows.length); }, // further down
    full() { return this.rows.length >= this.most; },
    query() { return new URLSearchParams(this.clean()).toString(); },
    picks() { return Object.keys(this.picked); },
    chosen() { return Object.entries(this.asked).filter(([name, value]) => value && name !== "sort").length; },
  },
  watch: {
    state: { immediate: true, handler() { this.take(this.state); } },
    open(now, before) {
      this.address();
      if (now) this.at = now;
      else if (before) this.home(60);
      if (!now !== !before) this.heights = {}; // lines are narrower beside a ticket
    },
    acted(told) { // those that it left alone stay chosen
      if (!this.news(told)) return;
      this.busy = false;
      this.picked = Object.fromEntries(told.left.filter((id) => this.picked[id]).map((id) => [id, this.picked[id]]));
    },
    all(told) {
      if (!this.news(told)) return;
      this.busy = false;
      this.picked = Object.fromEntries(told.tickets.map(([id, edits, version]) => [id, { edits, version }]));
    },
    onward(told) {
      if (!this.news(told)) return;
      if (told.after !== this.open) return;
      const ids = this.rows.map((row) => row.id), here = ids.indexOf(told.after);
      const next = here >= 0 ? ids[here + 1] ?? ids[here - 1] : ids[Math.min(this.index ?? 0, ids.length - 1)];
      this.$emit("open", next ?? null);
    },
    "rows.length"() { this.growing = false; this.$nextTick(this.look); },
    left() { this.$nextTick(this.look); },
  },
  created() { this.asked = { ...this.filter }; },
  mounted() {
    this.end = new IntersectionObserver((seen) => { if (seen.some((each) => each.isIntersecting)) this.grow(); });
    addEventListener("resize", this.look);
    this.look();
    this.ticking = setInterval(() => { this.now = Date.now() + this.skew; }, 1000);
    addEventListener("keydown", this.key);
    addEventListener("popstate", this.back);
    this.at = this.open || null;
  },
  unmounted() {
    clearInterval(this.ticking);
    this.end.disconnect();
    this.sight?.disconnect();
    removeEventListener("resize", this.look);
    removeEventListener("keydown", this.key);
    removeEventListener("popstate", this.back);
  },
  methods: {
    clock(card) { return clock(card, this.now); },
    language,
    count: (n) => n.toLocaleString(),
    eyes(card) { return card.open_by.filter((who) => who !== this.me).join(", "); },
    take(state) {
      if (!state || state.seq === this.seq) return;
      if (!state.full && state.base !== this.seq) return this.$emit("resync");
      this.skew = state.now - Date.now();
      this.now = state.now;
      const first = this.seq < 0 || state.full, known = this.cards, cards = {}, was = state.full ? [] : this.latest;
      const order = [...was.slice(0, state.head), ...state.order, ...was.slice(was.length - state.tail)];
      const put = Object.fromEntries(state.put.map((card) => [card.id, markRaw(toRaw(card))]));
      for (const id of order) cards[id] = put[id] ?? known[id];
      for (const id of this.order) cards[id] ??= known[id]; // a line that goes stays until its place may change
      const news = first || state.more ? [] : state.put.filter((card) => !known[card.id]);
      for (const card of news) {
        this.fresh[card.id] = true;
        setTimeout(() => delete this.fresh[card.id], 4000);
      }
      const urgent = news.filter((card) => card.level === "P1");
      if (urgent.length) this.told = urgent.map((card) => `New P1: ${card.excerpt}`).join(". ");
      this.seq = state.seq;
      this.cards = cards;
      this.latest = order;
      this.place(order, first);
    },
    look() { // which stretches are near what is in sight, and whether the end is
      this.end.disconnect();
      this.sight?.disconnect();
      const list = this.$refs.lines;
      if (!list) return;
      const root = getComputedStyle(list).overflowY === "visible" ? null : list; // on a phone the page itself moves
      this.sight = new IntersectionObserver(this.saw, { root, rootMargin: "1000px 0px" });
      for (const each of list.children) (each === this.$refs.further ? this.end : this.sight).observe(each);
    },
    saw(seen) {
      for (const { target, isIntersecting } of seen) {
        const at = Number(target.dataset.stretch);
        if (isIntersecting) this.near[at] = true;
        else if (this.near[at] && !target.contains(document.activeElement)) {
          this.heights[at] = target.offsetHeight;
          this.near[at] = false;
        }
      }
    },
    room(at) { return `${this.heights[at] ?? LINE * this.stretches[at].length}px`; },
    grow() {
      if (this.growing || this.full || !this.left) return;
      this.growing = true;
      setTimeout(() => { this.growing = false; }, 3000); // an answer that was lost on the way is asked for again
      this.$emit("more");
    },
    place(order, first) { // lines change places when the pointer rests
      clearTimeout(this.waiting);
      const rest = first ? 0 : this.moved + HELD - Date.now();
      if (rest > 0) this.waiting = setTimeout(() => this.place(order), rest);
      else {
        this.order = order;
        this.cards = Object.fromEntries(order.map((id) => [id, this.cards[id]]));
      }
    },
    choose(changes) {
      this.asked = { ...this.asked, ...changes };
      clearTimeout(this.choosing);
      this.choosing = setTimeout(() => {
        this.address();
        this.$emit("choose", this.clean());
      }, "text" in changes ? 250 : 0);
    },
    clean() { return Object.fromEntries(Object.entries(this.asked).filter(([, value]) => value)); },
    reset() { this.asked = this.asked.sort ? { sort: this.asked.sort } : {}; this.choose({}); },
    view(query) { this.asked = { ...query }; this.choose({}); },
    toggle(name, value) { this.choose({ [name]: this.asked[name] === value ? "" : value }); },
    link(id) {
      return (id ? `/tickets/${encodeURIComponent(id)}` : "/") + (this.query ? `?${this.query}` : "");
    },
    address() {
      const link = this.link(this.open);
      if (link === location.pathname + location.search) return;
      const stays = location.pathname === link.split("?")[0] && new URLSearchParams(location.search).get("text");
      history[stays && this.asked.text ? "replaceState" : "pushState"](null, "", link); // one search is one step back
    },
    back() { // the browser's own way back
      const path = location.pathname.match(/^\/tickets\/(.+)$/);
      this.asked = Object.fromEntries(new URLSearchParams(location.search));
      this.$emit("choose", this.clean());
      this.$emit("open", path ? decodeURIComponent(path[1]) : null);
    },
    go(id, event) {
      if (event?.shiftKey && this.agent) { event.preventDefault(); return this.pick(id, event); }
      if (event && (event.metaKey || event.ctrlKey || event.shiftKey || event.button)) return;
      event?.preventDefault();
      this.at = id;
      this.index = this.order.indexOf(id);
      this.$emit("open", id);
    },
    news(told) { // each answer is told again with whatever changes
      if (told.n <= this.heard) return false;
      this.heard = told.n;
      return true;
    },
    pick(id, event) { // with shift: all from the last one that was chosen
      if (!this.agent) return;
      const ids = this.rows.map((row) => row.id), from = ids.indexOf(this.last), to = ids.indexOf(id);
      const range = event?.shiftKey && from >= 0 && to >= 0;
      const chosen = range ? ids.slice(Math.min(from, to), Math.max(from, to) + 1) : [id];
      const off = !range && this.picked[id], picked = { ...this.picked };
      for (const each of chosen) {
        if (off) delete picked[each];
        else if (this.cards[each]) picked[each] = { edits: this.cards[each].edits, version: this.cards[each].version };
      }
      this.picked = Object.fromEntries(Object.entries(picked).slice(0, this.most_chosen));
      this.last = id;
    },
    extend(by) {
      if (this.at && !this.picked[this.at]) this.pick(this.at);
      this.step(by);
      if (this.at && !this.picked[this.at]) this.pick(this.at);
    },
    wait() { // an answer that was lost on the way may be asked for again
      this.busy = true;
      clearTimeout(this.waiting_for);
      this.waiting_for = setTimeout(() => { this.busy = false; }, 30_000);
    },
    bulk(action) {
      if (this.busy || !this.picks.length) return;
      this.wait();
      const tickets = Object.entries(this.picked).map(([id, seen]) => [id, seen.edits, seen.version]);
      this.$emit("bulk", { action, tickets });
    },
    everything() {
      if (this.busy || !this.agent) return;
      this.wait();
      this.$emit("choose-all");
    },
    home(tries) { // the focus goes to the line that one came from, once the list is there again
      const place = this.order.indexOf(this.at), line = this.line();
      if (place < 0 || this.open || !tries) return;
      this.near[Math.floor(place / STRETCH)] = true; // what was hidden is not drawn
      if (!line?.offsetParent || document.querySelector(".desk.two")) return void requestAnimationFrame(() => this.home(tries - 1));
      if (nowhere() || document.activeElement.closest(".ticket")) line.focus();
    },
    line() { return this.at && this.$el.querySelector(`[data-ticket="${CSS.escape(this.at)}"]`); },
    step(by) {
      const ids = this.rows.map((row) => row.id);
      if (!ids.length) return;
      const here = ids.indexOf(this.at); // where it was, when it is gone: the next one took its place
      const next = here >= 0 ? here + by : this.index === null ? 0 : this.index + Math.min(by, 0);
      if (next >= ids.length - 1) this.grow();
      this.index = Math.min(ids.length - 1, Math.max(0, next));
      this.at = ids[this.index];
      this.near[Math.floor(this.index / STRETCH)] = true;
      this.$nextTick(() => {
        const line = this.line();
        line?.focus({ preventScroll: true });
        line?.scrollIntoView({ block: "nearest" });
      });
      if (this.open) { // reading on: the ticket beside follows
        clearTimeout(this.following);
        this.following = setTimeout(() => this.$emit("open", this.at), 150);
      }
    },
    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (event.key === "Escape" && typing(event.target)) return void event.target.blur();
      if (typing(event.target) || document.querySelector("dialog[open]")) return;
      const act = {
        j: () => this.step(1), k: () => this.step(-1), "?": () => this.$refs.keys.showModal(),
        "/": () => { this.more = true; this.$nextTick(() => this.$refs.search.focus()); },
        Enter: () => {
          if (!this.at || /^(BUTTON|A)$/.test(event.target.tagName)) return true; // it opens by itself
          this.go(this.at);
        },
        Escape: () => { if (this.open) this.$emit("open", null); else this.picked = {}; },
        v: () => { if (!this.at) return true; this.pick(this.at); }, "*": () => this.everything(),
        J: () => this.extend(1), K: () => this.extend(-1),
        r: () => { if (this.open || !this.picks.length) return true; this.bulk({ action: "resolve" }); },
        c: () => {
          if (!this.open && this.picks.length) return this.bulk({ action: "claim" });
          if (this.open || !this.at || !this.agent) return true;
          this.$emit("claim", this.cards[this.at]);
        },
      }[event.key];
      if (act && !act()) event.preventDefault();
    },
    name(value, facet) {
      if (facet !== "owner") return value;
      return value === "" ? "nobody's" : value === this.me ? `mine (${value})` : value;
    },
    choice(value, facet, n) { return n === null ? value : `${this.name(value, facet)} (${n})`; },
    options(facet) { // tickets out of the queue are counted once they are chosen
      const counts = Object.entries(this.facets?.[facet] ?? {});
      if (facet !== "state") return counts;
      return [...counts, ...OUT.filter((state) => !(state in (this.facets?.state ?? {}))
        && state !== this.asked.state).map((state) => [state, null])];
    },
    spoken(card) {
      const who = card.owner ? `, ${card.owner} has it` : "";
      const what = `${card.level}, priority ${card.priority}, ${card.brand ?? "no brand"}`;
      return `${what}, ${this.clock(card).words}${who}: ${card.excerpt}`;
    },
  },
  template: `
  <section class="queue" :class="{ beside: open }" aria-label="Queue">
    <div class="queue-top">
      <div class="tiles" role="group" aria-label="Level">
        <button v-for="each in levels" :key="each.level" type="button" class="tile"
          :class="[each.level, { on: asked.level === each.level }]"
          :aria-pressed="asked.level === each.level ? 'true' : 'false'" @click="toggle('level', each.level)">
          <span>{{ each.level }}</span><b class="num">{{ each.n }}</b></button>
        <button type="button" class="tile late" :class="{ on: asked.late, none: !late }"
          :aria-pressed="asked.late ? 'true' : 'false'"
          @click="toggle('late', '1')"><span>late</span><b class="num">{{ late }}</b></button>
        <button v-if="unread || asked.unread" type="button" class="tile unread" :class="{ on: asked.unread }"
          :aria-pressed="asked.unread ? 'true' : 'false'" title="In a language that no model reads"
          @click="toggle('unread', '1')"><span>unread language</span><b class="num">{{ unread }}</b></button>
      </div>
      <form class="filters" role="search" :class="{ more }" @submit.prevent>
        <label class="find"><span class="sym" aria-hidden="true">search</span><input ref="search" class="field"
          aria-label="Search all tickets" type="search" maxlength="500" placeholder="Search all tickets" :value="asked.text"
          title="Words in any order, &quot;a phrase&quot;, -without, an author, a tag, an id; is:late brand:volt since:7d"
          @input="choose({ text: $event.target.value })"></label>
        <label v-for="[facet, all] in selects" :key="facet" :class="{ on: asked[facet] }">
          <select class="field" :aria-label="facet" :value="asked[facet] || ''"
            @change="choose({ [facet]: $event.target.value })">
            <option value="">{{ all }}</option>
            <option v-if="asked[facet] && !(((asked[facet] === '-') ? '' : asked[facet]) in (facets?.[facet] ?? {}))"
              :value="asked[facet]">{{ asked[facet] === '-' ? "nobody's" : asked[facet] }} (0)</option>
            <option v-for="[value, n] in options(facet)" :key="value"
              :value="value || '-'">{{ choice(value, facet, n) }}</option>
          </select></label>
        <label :class="{ on: asked.sort }"><select class="field" aria-label="order" :value="asked.sort || ''"
          @change="choose({ sort: $event.target.value })">
          <option v-for="[value, words] in sorts" :key="value" :value="value">{{ words }}</option></select></label>
        <button v-if="chosen" type="button" class="button" @click="reset">Show all</button>
      </form>
      <button type="button" class="button narrow-only" :aria-expanded="more ? 'true' : 'false'" @click="more = !more">
        <span class="sym" aria-hidden="true">tune</span>Filters<template v-if="chosen"> ({{ chosen }})</template>
        </button>
      <button type="button" class="quiet wide-only" title="Keys" aria-label="Keys" @click="$refs.keys.showModal()"><span
        class="sym" aria-hidden="true">keyboard</span></button>
    </div>
    <p class="hidden-words" aria-live="polite">{{ told }}</p>
    <views :views="views" :query="clean()" :me="me" :lead="lead" :agent="agent" @choose="view"
      @save="$emit('save-view', $event)" @drop="$emit('drop-view', $event)"></views>
    <p v-if="mistake" class="banner lost" role="alert"><span class="sym" aria-hidden="true">search_off</span>
      <span>{{ mistake }}</span></p>
    <p v-if="note" class="banner lost away" role="alert"><span class="sym" aria-hidden="true">cloud_off</span>
      <span>{{ note }}</span></p>
    <bulk v-if="agent && picks.length" :n="picks.length" :found="facets?.all?.found ?? 0" :most="most_chosen"
      :people="people" :me="me" :busy="busy" @act="bulk" @all="everything" @clear="picked = {}"></bulk>
    <div v-if="rows.length" ref="lines" class="lines" @pointermove="moved = Date.now()" @pointerleave="moved = 0">
      <ol v-for="(cards, no) in stretches" :key="no" :start="no * size + 1" :data-stretch="no"
        :style="near[no] ? null : { height: room(no) }"><template v-if="near[no]">
        <li v-for="card in cards" :key="card.id"
        :class="{ fresh: fresh[card.id], here: card.id === open, at: card.id === at, picked: picked[card.id] }">
        <label v-if="agent" class="pick"><input type="checkbox" :checked="!!picked[card.id]"
          :aria-label="'Choose: ' + card.excerpt" @click="pick(card.id, $event)"></label>
        <a class="line" :href="link(card.id)" :data-ticket="card.id" :aria-label="spoken(card)"
          :aria-current="card.id === open ? 'true' : null" @click="go(card.id, $event)" @focus="at = card.id">
          <span class="rank"><span class="level" :class="card.level">{{ card.level }}</span><b
            class="num">{{ card.priority }}</b></span>
          <span class="said">
            <span class="excerpt" dir="auto">{{ card.excerpt }}</span>
            <span class="why">{{ card.why.join(' · ') }}</span>
          </span>
          <span class="about"><span>{{ card.brand ?? 'no brand' }}<span class="faint"> · {{ card.network }}</span>
            </span><span class="faint">{{ card.problem ?? card.topic ?? 'no topic' }}</span></span>
          <span class="whose">
            <span v-if="eyes(card)" class="chip eyes" :title="eyes(card) + ' has it open'"><span class="sym"
              aria-hidden="true">visibility</span>{{ eyes(card) }}</span>
            <span v-if="card.owner" class="chip" :class="{ mine: card.owner === me }"><span class="sym"
              aria-hidden="true">person</span>{{ card.owner === me ? 'you' : card.owner }}</span>
            <span v-if="card.state !== 'new' && card.state !== 'open'" class="chip">{{ card.state === 'settled' ? 'settled by the customer' : card.state }}</span>
            <span v-if="card.unread_language" class="chip look"
              title="A language that no model reads">{{ language(card.unread_language) }}</span>
            <span v-else-if="card.needs_look" class="chip look">needs a look</span>
            <span v-if="card.messages > 1" class="chip quiet-chip" :title="card.messages + ' messages'"><span
              class="sym" aria-hidden="true">forum</span>{{ card.messages }}</span>
          </span>
          <span class="clock num" :class="clock(card).kind"><span class="sym"
            aria-hidden="true">{{ clock(card).icon }}</span>{{ clock(card).words }}</span>
        </a>
      </li></template></ol>
      <div v-if="left" ref="further" class="further"><span class="soft num">{{ count(rows.length) }} of
        {{ count(rows.length + left) }} are shown<template v-if="full">. Filters find the others.</template></span>
        <button v-if="!full" type="button" class="button" :disabled="growing"
          @click="grow">{{ growing ? 'Reading …' : 'Show ' + count(Math.min(page, left)) + ' more' }}</button></div>
    </div>
    <div v-else-if="seq >= 0" class="empty"><span class="sym big"
      aria-hidden="true">{{ chosen ? 'filter_alt_off' : 'done_all' }}</span>
      <template v-if="chosen"><p>{{ asked.text ? 'No ticket is like this, in any state.' : 'No open ticket is like this.' }}</p><button type="button" class="button"
        @click="reset">Show all</button></template>
      <p v-else>Nobody waits for an answer. New tickets appear here by themselves.</p></div>
    <div v-else-if="mistake" class="empty"><span class="sym big" aria-hidden="true">search_off</span>
      <p>A search has words in any order, "a phrase", -without, and operators: is:late brand:volt since:7d</p><button
        type="button" class="button" @click="reset">Show all</button></div>
    <div v-else class="empty"><p>Reading the queue …</p></div>
    <dialog ref="keys" class="sheet key-list" aria-labelledby="keys-title"
      @click="$event.target === $refs.keys && $refs.keys.close()">
      <div class="sheet-inside"><h2 id="keys-title">Keys</h2>
        <dl>
          <div><dt><kbd>j</kbd> <kbd>k</kbd></dt><dd>next, previous ticket</dd></div><div><dt><kbd>Enter</kbd></dt>
            <dd>open it</dd></div>
          <div><dt><kbd>Esc</kbd></dt><dd>back to the queue</dd></div><div><dt><kbd>/</kbd></dt><dd>search</dd></div>
          <div v-if="agent"><dt><kbd>v</kbd> <kbd>J</kbd> <kbd>K</kbd> <kbd>*</kbd></dt><dd>choose it, and the next; all
            that match. <kbd>c</kbd> and <kbd>r</kbd> are for all that are chosen</dd></div>
          <div v-if="agent"><dt><kbd>u</kbd></dt><dd>undo, for some seconds</dd></div>
          <template v-if="agent"><div><dt><kbd>c</kbd></dt><dd>claim</dd></div><div><dt><kbd>e</kbd></dt>
            <dd>edit the reply</dd></div>
          <div><dt><kbd>a</kbd></dt><dd>approve the reply</dd></div><div><dt><kbd>s</kbd></dt><dd>snooze</dd></div><div>
            <dt><kbd>w</kbd></dt><dd>wait for the customer</dd></div>
          <div><dt><kbd>r</kbd></dt><dd>resolve</dd></div><div><dt><kbd>n</kbd></dt><dd>a note</dd></div>
          <div><dt><kbd>1</kbd> to <kbd>4</kbd></dt><dd>set the priority by hand; <kbd>p</kbd> with a reason,
            <kbd>0</kbd> takes it back</dd></div>
          <div><dt><kbd>x</kbd> then a letter</dt><dd>correct the model: the letters are shown</dd></div></template>
          <div><dt><kbd>?</kbd></dt><dd>these keys</dd></div>
        </dl><div class="acts"><button type="button" class="button" @click="$refs.keys.close()">Close</button></div>
          </div></dialog>
  </section>`,
};
